"""The health of institutions: detecting an outage of a bank, and recovering from it."""
