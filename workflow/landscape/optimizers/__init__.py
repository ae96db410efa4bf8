"""The optimizers written here, one per file, and the learning-rate schedule."""
