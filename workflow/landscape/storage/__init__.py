"""Files that are either whole or absent, and what the tables hold."""
