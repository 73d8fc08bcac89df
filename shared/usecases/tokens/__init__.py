"""Calls with access tokens, and their replacement."""
