"""From summary tables to sentences: the numbers choose what is said."""
