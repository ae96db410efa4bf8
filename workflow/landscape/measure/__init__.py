"""The measures: one file per quantity, each a pure function."""
