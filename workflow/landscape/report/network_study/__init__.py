"""From the network study's tables to sentences: the numbers choose what is said."""
