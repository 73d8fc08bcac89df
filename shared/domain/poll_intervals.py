"""How often the scheduler checks connections without a webhook or task."""

from datetime import timedelta

HEALTHY = timedelta(hours=12)  # a connection whose webhooks never arrive
NEEDS_USER = timedelta(hours=24)  # the user may have repaired the login elsewhere
LATE_HISTORY = timedelta(hours=6)  # Plaid also sends a webhook when a late history arrives
PAUSED = timedelta(minutes=14)  # less than the scheduler's 15 minutes, so every scheduler run checks it
LONGEST_BACK_OFF = timedelta(hours=6)  # a sync that the scheduler cannot requeue
