"""Syncs of product data: planned by the sync of transactions, run by the same engine (docs/decisions/0015)."""
