"""How long something is left alone before it counts as lost or interrupted."""

from datetime import timedelta

TASK = timedelta(minutes=1)  # a queued task that has not started: the scheduler enqueues it again
EXCHANGE = timedelta(seconds=150)  # an exchange at work: longer than its function may run
ROTATION = timedelta(seconds=390)  # a token replacement at work: longer than its function may run
