"""Domain rules: pure code without I/O, on pydantic and the standard library only."""
