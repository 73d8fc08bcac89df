"""Task queue: sends a push that was deferred, because it asks the user to log in again."""

from datetime import datetime

from firebase_functions import https_fn, options, tasks_fn

from shared import service_accounts
from shared.domain.push import PushMessage
from shared.serving import health_container
from shared.serving.guards import task_handler
from shared.serving.sizes import SMALL_CPU


@tasks_fn.on_task_dispatched(
    cpu=SMALL_CPU,
    concurrency=1,
    service_account=service_accounts.PUSH,
    timeout_sec=300,
    # A push is sent at most once: a repeated delivery is harmless.
    retry_config=options.RetryConfig(max_attempts=5, min_backoff_seconds=10, max_backoff_seconds=300, max_doublings=4),
    rate_limits=options.RateLimits(max_concurrent_dispatches=10, max_dispatches_per_second=10),
)
@task_handler
def sendpush(request: https_fn.CallableRequest[dict[str, object]]) -> None:
    """If this raises, the queue delivers the task again."""
    message = PushMessage.model_validate(request.data)
    lost_at = datetime.fromisoformat(str(request.data["lost_at"]))
    uid = str(request.data["app_user_id"])
    health_container.login_prompts().deliver(message, app_user_id=uid, lost_at=lost_at)
