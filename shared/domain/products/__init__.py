"""Bank products besides transactions."""
