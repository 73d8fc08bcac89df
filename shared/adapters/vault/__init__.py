"""Keys and seals: the envelope encryption of access tokens, and the signatures of audit logs."""
