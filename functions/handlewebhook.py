"""Task queue behind plaid_webhook: handles one delivery in the inbox."""

from firebase_functions import https_fn, options, tasks_fn

from shared import service_accounts
from shared.serving import items_container
from shared.serving.guards import task_handler
from shared.settings import PLAID_SECRETS


@tasks_fn.on_task_dispatched(
    service_account=service_accounts.WORKER,
    secrets=PLAID_SECRETS,
    timeout_sec=120,
    # After the last attempt, the scheduler enqueues the delivery again.
    retry_config=options.RetryConfig(max_attempts=8, min_backoff_seconds=2, max_backoff_seconds=60, max_doublings=5),
    rate_limits=options.RateLimits(max_concurrent_dispatches=20, max_dispatches_per_second=20),
)
@task_handler
def handlewebhook(request: https_fn.CallableRequest[dict[str, object]]) -> None:
    """If this raises, the queue delivers the task again."""
    items_container.webhook_handler()(str(request.data["delivery_id"]))
