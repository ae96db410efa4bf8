"""The miniature study that every test here compares with the oracle."""

from oracle.miniature import miniature  # noqa: F401 (a fixture)
