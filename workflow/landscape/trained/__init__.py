"""Trained networks: load, evaluate, predict."""
