"""The steps of a deploy, in order. Each one checks first and adds what is missing."""

from collections.abc import Callable

from deploy import apis, budget, cli_grants, code, iam, key_log, kms, monitoring_setup, places, queues, smoke, store
from deploy.checks import check
from deploy.context import Context
from deploy.secret_values import secrets
from deploy.tools import DeployError

Step = Callable[[Context], None]

STEPS: tuple[tuple[str, Step], ...] = (
    ("checks", check),
    ("Google Cloud services", apis.apis),
    ("locations", places.offered),
    ("Firebase", apis.firebase),
    ("log-based metrics", monitoring_setup.log_metrics),
    ("service accounts and roles", iam.accounts),
    ("account that builds functions", cli_grants.build_account),
    ("encryption key", kms.key),
    ("rights on the key", iam.key_rights),
    ("log of the key's use", key_log.key_log),
    ("secrets", secrets),
    ("database", store.database),
    ("backups", store.backups),
    ("rules, indexes, TTL policies", code.rules),
    ("functions, queues, schedules", code.functions),
    ("rights to call functions", iam.callers),
    ("queue rates", queues.queues),
    ("schedules", queues.schedules),
    ("Hosting", code.hosting),
    ("alerts and dashboard", monitoring_setup.monitoring),
    ("budget alert", budget.budget),
    ("smoke test", smoke.smoke),
)


def deploy(context: Context) -> None:
    """Runs every step.

    Raises:
        DeployError: A step failed; completed steps stay, and the next run continues from there.
    """
    for number, (name, step) in enumerate(STEPS, 1):
        context.say(f"[{number}/{len(STEPS)}] {name}")
        try:
            step(context)
        except DeployError as error:
            raise DeployError(f"{name}: {error}\nNothing is lost: fix it and run the same command again.") from error
    context.say(smoke.for_plaid(context))
