"""Where images come from, one format per file."""
