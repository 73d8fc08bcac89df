"""Rules, use cases and adapters of the backend."""
