"""Removal of accounts, connections, and all of a user's data."""
