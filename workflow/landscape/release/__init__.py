"""A finished study as one folder or archive: made, drawn anew, and verified."""
