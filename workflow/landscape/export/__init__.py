"""Finished runs in the formats of other tools, without changing anything."""
