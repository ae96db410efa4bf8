"""What is measured on the way: one file per quantity, each a pure function."""
