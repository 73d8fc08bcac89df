"""Task queue: the daily check of one connection, or the part of it that stores the history of its balances."""

from firebase_functions import https_fn, options, tasks_fn

from shared import service_accounts
from shared.serving import container, linking_container, sync_container
from shared.serving.guards import task_handler
from shared.serving.sizes import SMALL_CPU
from shared.settings import PLAID_SECRETS
from shared.usecases.enqueue import BALANCES


@tasks_fn.on_task_dispatched(
    cpu=SMALL_CPU,
    concurrency=1,
    service_account=service_accounts.WORKER,
    secrets=PLAID_SECRETS,
    timeout_sec=120,
    retry_config=options.RetryConfig(max_attempts=5, min_backoff_seconds=30, max_backoff_seconds=3600, max_doublings=5),
    # Each item is read twice a day. The limit leaves room in Plaid's rate limits for calls that users make meanwhile.
    rate_limits=options.RateLimits(max_concurrent_dispatches=5, max_dispatches_per_second=5),
)
@task_handler
def checkitem(request: https_fn.CallableRequest[dict[str, object]]) -> None:
    """If this raises, the queue delivers the task again."""
    connection_id = str(request.data["connection_id"])
    sync_container.balance_history()(connection_id)
    if request.data.get("only") == BALANCES:
        return
    container.item_status_refresh().daily_check(connection_id)
    linking_container.set_up_connection()(connection_id)
