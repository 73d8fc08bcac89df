"""Plaid: its client, its errors, and the mapping of its answers to the domain's values."""
