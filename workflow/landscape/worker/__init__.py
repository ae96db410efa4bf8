"""One warm process for the jobs of a study, which each start in a copy of it."""
