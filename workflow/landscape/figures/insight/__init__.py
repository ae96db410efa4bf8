"""Figures of what trained networks learned."""
