"""Locks on GPUs and runs, which the kernel frees however their holder ends."""
