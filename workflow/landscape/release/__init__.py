"""A finished study as one folder or archive: packed, redrawn and verified."""
