"""Plaid: the client, its errors, and the mapping of its responses to the domain's values."""
