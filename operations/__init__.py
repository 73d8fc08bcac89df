"""Operator commands: `python -m operations --help`. Not deployed."""
