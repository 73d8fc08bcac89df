"""A stateful simulator of Plaid's HTTP API that runs locally, without keys. See README.md."""
