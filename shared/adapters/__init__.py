"""Adapters to external services: one module per vendor and concern. Only they import vendors' packages."""
