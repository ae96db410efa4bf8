"""One training run: the trajectory, what is recorded along it, and its files."""
