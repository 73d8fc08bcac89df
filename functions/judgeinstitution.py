"""Task queue: judges the health of one institution, and does what follows from it."""

from firebase_functions import https_fn, options, tasks_fn

from shared import service_accounts
from shared.serving import health_container
from shared.serving.guards import task_handler
from shared.serving.sizes import SMALL_CPU
from shared.settings import PLAID_SECRETS


@tasks_fn.on_task_dispatched(
    cpu=SMALL_CPU,
    concurrency=1,
    service_account=service_accounts.WORKER,
    secrets=PLAID_SECRETS,
    timeout_sec=300,
    # The scheduler judges an unhealthy institution again, so few retries are enough.
    retry_config=options.RetryConfig(max_attempts=3, min_backoff_seconds=10, max_backoff_seconds=60, max_doublings=2),
    # A judgement makes up to 40 calls of /item/get. The limit leaves room in Plaid's rate limits for other calls.
    rate_limits=options.RateLimits(max_concurrent_dispatches=5, max_dispatches_per_second=5),
)
@task_handler
def judgeinstitution(request: https_fn.CallableRequest[dict[str, object]]) -> None:
    """If this raises, the queue delivers the task again."""
    health_container.judge_institution()(str(request.data["institution_id"]))
