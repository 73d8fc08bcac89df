"""What wraps every trigger: HTTP, the guards of events and tasks, and the container that chooses the adapters."""
