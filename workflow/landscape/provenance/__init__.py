"""Where results come from: fingerprints of code, versions, and whether a run is up to date."""
