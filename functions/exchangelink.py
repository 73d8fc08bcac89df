"""Task queue behind Hosted Link: exchanges one public token that a webhook delivered."""

from firebase_functions import https_fn, options, tasks_fn

from shared import service_accounts
from shared.serving import linking_container
from shared.serving.guards import task_handler
from shared.settings import PLAID_SECRETS


@tasks_fn.on_task_dispatched(
    service_account=service_accounts.WORKER,
    secrets=PLAID_SECRETS,
    timeout_sec=120,
    # A public token expires after 30 minutes; the attempts last as long.
    retry_config=options.RetryConfig(max_attempts=40, min_backoff_seconds=2, max_backoff_seconds=60, max_doublings=5),
    rate_limits=options.RateLimits(max_concurrent_dispatches=20, max_dispatches_per_second=20),
)
@task_handler
def exchangelink(request: https_fn.CallableRequest[dict[str, object]]) -> None:
    """If this raises, the queue delivers the task again."""
    if not linking_container.exchange_hosted_link()(str(request.data["result_id"])):
        raise https_fn.HttpsError(https_fn.FunctionsErrorCode.UNAVAILABLE, "not possible now: deliver the task again")
