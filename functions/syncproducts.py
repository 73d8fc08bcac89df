"""Task queue: runs product syncs. The function's name is also the queue's id, which allows no underscore."""

import uuid

from firebase_functions import https_fn, options, tasks_fn

from shared import service_accounts
from shared.domain.products.kinds import ProductKind
from shared.serving import products_container
from shared.serving.guards import task_handler
from shared.settings import PLAID_SECRETS
from shared.usecases.sync.run_claims import Outcome


@tasks_fn.on_task_dispatched(
    service_account=service_accounts.WORKER,
    secrets=PLAID_SECRETS,
    timeout_sec=540,
    # As for transactions: the queue retries within minutes, the scheduler after that.
    retry_config=options.RetryConfig(max_attempts=8, min_backoff_seconds=2, max_backoff_seconds=30, max_doublings=4),
    # Plaid allows 1,000 calls a minute per client for the slowest product, and more for the others:
    # https://plaid.com/docs/errors/rate-limit-exceeded/
    rate_limits=options.RateLimits(max_concurrent_dispatches=20, max_dispatches_per_second=10),
)
@task_handler
def syncproducts(request: https_fn.CallableRequest[dict[str, object]]) -> None:
    """Runs one sync of one product of one connection. If this raises, the queue delivers the task again."""
    connection_id, kind = str(request.data["connection_id"]), ProductKind(str(request.data["kind"]))
    task = request.raw_request.headers.get("X-Cloudtasks-Taskname", "")
    run = products_container.run_product()
    if run(connection_id, kind, delivery=f"{task}#{uuid.uuid4().hex}") is Outcome.RETRY:
        raise https_fn.HttpsError(https_fn.FunctionsErrorCode.UNAVAILABLE, "not possible now: deliver the task again")
