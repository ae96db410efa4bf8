"""The settings: config.yaml as immutable types, and the runs that they describe."""
