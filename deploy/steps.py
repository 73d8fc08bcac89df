"""The steps of a deploy, in their order. Each looks first, and adds what is missing."""

from collections.abc import Callable

from deploy import apis, code, iam, kms, monitoring_setup, queues, smoke, store
from deploy.checks import check
from deploy.context import Context
from deploy.secret_values import secrets
from deploy.tools import DeployError

Step = Callable[[Context], None]

STEPS: tuple[tuple[str, Step], ...] = (
    ("checks", check),
    ("services of Google Cloud", apis.apis),
    ("Firebase", apis.firebase),
    ("metrics of the log", monitoring_setup.log_metrics),
    ("service accounts and their roles", iam.accounts),
    ("the key of access tokens", kms.key),
    ("who may use the key", iam.key_rights),
    ("secrets", secrets),
    ("database", store.database),
    ("backups", store.backups),
    ("rules, indexes, TTL policies", code.rules),
    ("functions, queues, schedules", code.functions),
    ("who may call what", iam.callers),
    ("rates of the queues", queues.queues),
    ("schedules", queues.schedules),
    ("Hosting", code.hosting),
    ("alerts, dashboard", monitoring_setup.monitoring),
    ("smoke test", smoke.smoke),
)


def deploy(context: Context) -> None:
    """Takes every step.

    Raises:
        DeployError: One failed; what was done stays, and the next run goes on from there.
    """
    for number, (name, step) in enumerate(STEPS, 1):
        context.say(f"[{number}/{len(STEPS)}] {name}")
        try:
            step(context)
        except DeployError as error:
            raise DeployError(f"{name}: {error}\nNothing is lost: mend it, and run the same command again.") from error
    context.say(smoke.for_plaid(context))
