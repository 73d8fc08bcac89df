"""The serving layer: HTTP, the guards of triggers and tasks, and the container that chooses the adapters."""
