"""Syncs of transactions: requests, the scheduler, and runs."""
