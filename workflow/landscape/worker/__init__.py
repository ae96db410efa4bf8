"""One process with all imports done; each job of a study starts in a fork of it."""
