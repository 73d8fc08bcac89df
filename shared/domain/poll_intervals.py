"""How often something is checked again that no webhook and no task has announced."""

from datetime import timedelta

HEALTHY = timedelta(hours=12)  # a connection whose webhooks never arrive
NEEDS_USER = timedelta(hours=24)  # a login that only the user can repair may have been repaired elsewhere
LATE_HISTORY = timedelta(hours=6)  # Plaid also sends a webhook when a late history arrives
PAUSED = timedelta(minutes=14)  # less than the scheduler's quarter of an hour: every scheduler run checks it
LONGEST_BACK_OFF = timedelta(hours=6)  # a sync that the scheduler cannot requeue
