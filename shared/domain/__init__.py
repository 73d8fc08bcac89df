"""The rules: pydantic and the standard library only; nothing here reads, writes or waits."""
