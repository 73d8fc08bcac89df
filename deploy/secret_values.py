"""Secrets: entered at the terminal or generated here, and passed to `gcloud` through standard input only.

The functions declare every secret, so each must exist. PLAID_EU_SECRET is asked for only if the environment file has
PLAID_EU_CLIENT_ID; its first version is always a placeholder, so that a later version means a value.
"""

from deploy.context import Context
from deploy.project import SECRETS, Project
from deploy.tools import DeployError

_KEYS = "(https://dashboard.plaid.com/developers/keys)"
ASKED = {
    "PLAID_SECRET": f"Plaid's secret for this environment {_KEYS}",
    "PLAID_EU_SECRET": f"Plaid's secret of PLAID_EU_CLIENT_ID {_KEYS}",
}
OPTIONAL = {"PLAID_EU_SECRET": "PLAID_EU_CLIENT_ID"}
"""Secrets that are needed only with this variable."""
PLACEHOLDER = "no-second-key-pair"


def asked(project: Project) -> list[str]:
    """The secrets that must be entered for a project."""
    return [name for name in ASKED if name not in OPTIONAL or project.variables.get(OPTIONAL[name])]


def newest_version(project: Project, name: str) -> tuple[str, ...]:
    """The arguments of `gcloud` that list the number of the newest enabled version of a secret."""
    listing = ("secrets", "versions", "list", name, project.flag, "--filter=state:ENABLED", "--sort-by=~createTime")
    return (*listing, "--limit=1", "--format=value(name)")


def has_value(name: str, newest: str) -> bool:
    """Whether a secret has a value, by the number of its newest version."""
    number = newest.strip().rsplit("/", 1)[-1]
    return bool(number) and (name not in OPTIONAL or number != "1")


def secrets(context: Context) -> None:
    """Creates each missing secret, and adds a value if it has none.

    Raises:
        DeployError: Nothing was entered, or a command failed.
    """
    flag, tools = context.project.flag, context.tools
    there = {name.rsplit("/", 1)[-1] for name in tools.lines("secrets", "list", flag, "--format=value(name)")}
    needed = {*asked(context.project), *(name for name in SECRETS if name not in ASKED)}
    for name in SECRETS:
        if name not in there:
            tools.gcloud("secrets", "create", name, flag, "--replication-policy=automatic", "--labels=app=bank")
        newest = "".join(tools.lines(*newest_version(context.project, name)))
        if not newest and name in OPTIONAL:
            _add(context, name, PLACEHOLDER)
        if name in needed and not has_value(name, newest):
            _add(context, name, _value(context, name))


def _add(context: Context, name: str, value: str) -> None:
    context.tools.gcloud("secrets", "versions", "add", name, context.project.flag, "--data-file=-", stdin=value)


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
