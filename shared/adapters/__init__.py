"""The outside world: one module per vendor and concern, the only places that import vendors' packages."""
