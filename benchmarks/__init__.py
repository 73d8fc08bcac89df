"""Benchmarks of the backend beside simpler implementations: `make bench`."""
