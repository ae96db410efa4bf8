"""How measures, networks, numbers and units are written in figures and text."""
