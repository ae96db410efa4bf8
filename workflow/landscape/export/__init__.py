"""Finished runs in the formats of other tools; training is never touched."""
