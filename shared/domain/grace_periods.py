"""How long something is left alone before it counts as lost or interrupted."""

from datetime import timedelta

TASK = timedelta(minutes=1)  # a queued task that has not started: the scheduler enqueues it again
EXCHANGE = timedelta(seconds=150)  # an exchange at work: longer than its function may run
ROTATION = timedelta(seconds=390)  # a token replacement at work: longer than its function may run
LOST_EXCHANGE = timedelta(minutes=30)  # until then Plaid takes the public token: https://plaid.com/docs/api/link/
STORING_TOKEN = timedelta(minutes=3)  # how long a new access token is tried to be stored, at most
UNKNOWN_TOKEN = timedelta(days=3)  # how long wrong keys of ours may be why Plaid does not know a token
