"""A stateful stand-in for Plaid's HTTP API that runs on a laptop, without keys. See README.md."""
