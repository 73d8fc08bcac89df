"""Removal of accounts, of connections, and of all data of a user."""
