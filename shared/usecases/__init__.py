"""The stories: one verb per file, plain functions that take their ports as keyword arguments."""
