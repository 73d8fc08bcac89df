"""Use cases about the health of institutions."""
