"""The origin of results: fingerprints of code, versions, and whether a run is up to date."""
