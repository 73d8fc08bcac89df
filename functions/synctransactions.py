"""Task queue: runs syncs. The function's name is also the queue's id, which allows no underscore."""

import uuid

from firebase_functions import https_fn, options, tasks_fn

from shared import service_accounts
from shared.log import log
from shared.serving import linking_container, sync_container
from shared.serving.guards import outage_code, task_handler
from shared.serving.sizes import MANY_INSTANCES
from shared.settings import PLAID_SECRETS
from shared.usecases.sync.run_sync import Outcome


@tasks_fn.on_task_dispatched(
    max_instances=MANY_INSTANCES,
    service_account=service_accounts.WORKER,
    secrets=PLAID_SECRETS,
    timeout_sec=540,
    # The queue retries within minutes, the scheduler after that. Deliveries are no failures; the state counts failures.
    retry_config=options.RetryConfig(max_attempts=8, min_backoff_seconds=2, max_backoff_seconds=30, max_doublings=4),
    # 2,500 sync calls a minute are Plaid's limit per client: https://plaid.com/docs/errors/rate-limit-exceeded/
    rate_limits=options.RateLimits(max_concurrent_dispatches=40, max_dispatches_per_second=20),
)
@task_handler
def synctransactions(request: https_fn.CallableRequest[dict[str, object]]) -> None:
    """Runs one sync of one connection. If this raises, the queue delivers the task again."""
    connection_id = str(request.data["connection_id"])
    task = request.raw_request.headers.get("X-Cloudtasks-Taskname", "")
    if request.data.get("welcome"):
        try:
            linking_container.set_up_connection()(connection_id)
        except Exception as error:  # noqa: BLE001 (a missing name or logo must not block the sync)
            if (code := outage_code(error)) is not None:
                log.warning("welcome.postponed", connection_id=connection_id, error_code=code)
            else:
                log.exception("welcome.postponed", connection_id=connection_id)
    sync = sync_container.run_sync()
    if sync(connection_id, delivery=f"{task}#{uuid.uuid4().hex}") is Outcome.RETRY:
        raise https_fn.HttpsError(https_fn.FunctionsErrorCode.UNAVAILABLE, "not possible now: deliver the task again")
