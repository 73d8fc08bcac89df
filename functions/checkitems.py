"""Task queue behind monitor_connections: enqueues the daily checks of one page of connections."""

from firebase_functions import https_fn, options, tasks_fn

from shared import service_accounts
from shared.serving import items_container
from shared.serving.guards import task_handler
from shared.serving.sizes import SMALL_CPU


@tasks_fn.on_task_dispatched(
    cpu=SMALL_CPU,
    concurrency=1,
    service_account=service_accounts.ROUNDS,
    timeout_sec=300,
    retry_config=options.RetryConfig(max_attempts=8, min_backoff_seconds=10, max_backoff_seconds=600, max_doublings=5),
    rate_limits=options.RateLimits(max_concurrent_dispatches=1, max_dispatches_per_second=1),
)
@task_handler
def checkitems(request: https_fn.CallableRequest[dict[str, object]]) -> None:
    """If this raises, the queue delivers the page again."""
    after = request.data.get("after")
    items_container.daily_checks().page(str(request.data["turn"]), str(after) if after else None)
