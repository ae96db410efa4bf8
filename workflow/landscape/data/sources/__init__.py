"""Sources of images, one format per file."""
