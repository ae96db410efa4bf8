"""The process and its machine: device, randomness, locks, signals, time."""
