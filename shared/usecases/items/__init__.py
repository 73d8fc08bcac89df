"""The life of an item after it is linked: webhooks, daily checks, reconnection, reconciliation after a restore."""
