"""The settings: config.yaml as frozen types, and the runs that they describe."""
