"""The use cases of the backend: one per file, named by a verb, grouped by subject."""
