"""How long a task or process may take before it counts as lost or interrupted."""

from datetime import timedelta

TASK = timedelta(minutes=1)  # a queued task that has not started: the scheduler enqueues it again
EXCHANGE = timedelta(seconds=150)  # a running exchange: longer than its function's timeout
ROTATION = timedelta(seconds=390)  # a running rotation: longer than its function's timeout
LOST_EXCHANGE = timedelta(minutes=30)  # Plaid accepts a public token this long: https://plaid.com/docs/api/link/
STORING_TOKEN = timedelta(minutes=3)  # the longest time that storing a new token is retried
UNKNOWN_TOKEN = timedelta(days=3)  # how long wrong Plaid keys may be why a token is unknown
