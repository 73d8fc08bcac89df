"""The backend: domain rules, ports, use cases, adapters and the serving layer."""
