"""Locks that the kernel frees when their holder ends, however it ends: of GPUs, and of runs."""
