"""Access tokens: calls of Plaid, rotation, re-encryption."""
