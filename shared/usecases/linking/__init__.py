"""Linking a bank: from the link token to a connection that is set up."""
