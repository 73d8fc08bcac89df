"""Task queue: deletes the data of a removed connection, and its item at Plaid."""

from firebase_functions import https_fn, options, tasks_fn

from shared import service_accounts
from shared.serving import removal_container
from shared.serving.guards import task_handler
from shared.serving.sizes import SMALL_CPU
from shared.settings import PLAID_SECRETS


@tasks_fn.on_task_dispatched(
    cpu=SMALL_CPU,
    concurrency=1,
    service_account=service_accounts.WORKER,
    secrets=PLAID_SECRETS,
    timeout_sec=540,
    # The queue retries within minutes; after that, the scheduler retries for as long as it takes.
    retry_config=options.RetryConfig(max_attempts=5, min_backoff_seconds=2, max_backoff_seconds=60, max_doublings=5),
    rate_limits=options.RateLimits(max_concurrent_dispatches=10, max_dispatches_per_second=10),
)
@task_handler
def removeitem(request: https_fn.CallableRequest[dict[str, object]]) -> None:
    """If this raises, the queue delivers the task again."""
    removal_container.item_remover().resume(str(request.data["connection_id"]))
