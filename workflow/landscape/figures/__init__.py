"""The figures, one family per file: tables in, matplotlib figures out."""
