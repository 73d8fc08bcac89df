"""What the backend does: one verb per file, grouped by subject."""
