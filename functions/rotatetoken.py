"""Task queue: rotates one access token."""

from firebase_functions import https_fn, options, tasks_fn

from shared import service_accounts
from shared.serving import tokens_container
from shared.serving.guards import task_handler
from shared.serving.sizes import SMALL_CPU
from shared.settings import PLAID_SECRETS


@tasks_fn.on_task_dispatched(
    cpu=SMALL_CPU,
    concurrency=1,
    service_account=service_accounts.WORKER,
    secrets=PLAID_SECRETS,
    timeout_sec=360,  # shared/domain/grace_periods.py counts a rotation as interrupted after this time
    # The next delivery after that resumes an interrupted rotation; after the last attempt, the scheduler resumes it.
    retry_config=options.RetryConfig(max_attempts=8, min_backoff_seconds=30, max_backoff_seconds=120, max_doublings=2),
    rate_limits=options.RateLimits(max_concurrent_dispatches=5, max_dispatches_per_second=5),
)
@task_handler
def rotatetoken(request: https_fn.CallableRequest[dict[str, object]]) -> None:
    """If this raises, the queue delivers the task again."""
    tokens_container.token_rotation()(str(request.data["connection_id"]))
