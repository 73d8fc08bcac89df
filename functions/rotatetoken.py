"""The task queue that replaces access tokens."""

from firebase_functions import https_fn, options, tasks_fn

from shared import service_accounts
from shared.serving import container
from shared.serving.guards import task_handler


@tasks_fn.on_task_dispatched(
    service_account=service_accounts.WORKER,
    secrets=["PLAID_SECRET"],
    timeout_sec=360,  # shared/domain/credentials.py takes a replacement for broken off when this has passed
    # A replacement that broke off is looked into by the next delivery after that; what is not done then, the schedule.
    retry_config=options.RetryConfig(max_attempts=8, min_backoff_seconds=30, max_backoff_seconds=120, max_doublings=2),
    rate_limits=options.RateLimits(max_concurrent_dispatches=5, max_dispatches_per_second=5),
)
@task_handler
def rotatetoken(request: https_fn.CallableRequest[dict[str, object]]) -> None:
    """Anything but a normal return makes the queue deliver the task again."""
    container.token_rotation()(str(request.data["connection_id"]))
