"""Secrets: entered at the terminal or generated here, and passed to `gcloud` through standard input only."""

from deploy.context import Context
from deploy.project import SECRETS
from deploy.tools import DeployError

ASKED = {"PLAID_SECRET": "Plaid's secret for this environment (https://dashboard.plaid.com/developers/keys)"}


def secrets(context: Context) -> None:
    """Creates each missing secret, and adds a value if it has none.

    Raises:
        DeployError: Nothing was entered, or a command failed.
    """
    flag, tools = context.project.flag, context.tools
    there = {name.rsplit("/", 1)[-1] for name in tools.lines("secrets", "list", flag, "--format=value(name)")}
    for name in SECRETS:
        if name not in there:
            tools.gcloud("secrets", "create", name, flag, "--replication-policy=automatic", "--labels=app=bank")
        listing = ("secrets", "versions", "list", name, flag, "--filter=state:ENABLED", "--limit=1")
        if not tools.lines(*listing, "--format=value(name)"):
            tools.gcloud("secrets", "versions", "add", name, flag, "--data-file=-", stdin=_value(context, name))


def _value(context: Context, name: str) -> str:
    if context.tools.dry:
        context.say(f"  ask: {name}" if name in ASKED else f"  make: {name}")
        return ""
    if name not in ASKED:
        from shared.adapters.vault.audit_signer import new_keyset

        return new_keyset()
    value = context.ask(f"{ASKED[name]}: ").strip()
    if not value:
        raise DeployError(f"{name} was not entered; nothing is lost: run this again")
    return value
