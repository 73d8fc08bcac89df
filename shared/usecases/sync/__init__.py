"""Syncs of transactions: requested, scheduled, run."""
