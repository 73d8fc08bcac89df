"""Removes everything from a project that the deploy created. The data needs a second confirmation."""

from collections.abc import Callable, Iterable

from deploy import budget, channels, kms, monitoring_setup, places, store
from deploy.batches import existing
from deploy.context import Context
from deploy.iam import bindings
from deploy.project import DATABASE, OF_DATA, SECRETS
from deploy.roles import RIGHTS
from deploy.tools import DeployError
from shared.service_accounts import tasks_caller

WARNING = """\
This removes the backend from {id}: functions, queues, schedules, alerts, secrets, service accounts.
Connections stay at Plaid, and are billed, until they are removed there: delete every user's data first
(docs/operations.md, "Taking it down")."""
DATA_WARNING = """\
The database and its keys still exist. Without them, access tokens can never be read again, audit logs can never be
verified, and remaining items can only be removed by Plaid's support. This deletes every document in the database, also
those of other apps in the project."""


def destroy(context: Context, *, confirm: Callable[[str], str]) -> None:
    """Undoes a deploy. It skips what is already deleted, so it can be repeated.

    Args:
        context: The project.
        confirm: Asks a question at the terminal.

    Raises:
        DeployError: The operator did not confirm, or a command failed.
    """
    project = context.project
    if elsewhere := places.regions(context) - {project.region}:
        raise DeployError(
            f"this backend runs in {', '.join(sorted(elsewhere))}: set DEPLOY_REGION={min(elsewhere)} in "
            f"{project.file.name}, or its functions would stay"
        )
    _confirmed(context, WARNING.format(id=project.id), f"Type {project.id} to continue: ", confirm, project.id)
    _functions(context)
    _hosting(context, confirm)
    budget.remove(context)
    _monitoring(context)
    _secrets(context, [name for name in SECRETS if name not in OF_DATA])
    _accounts(context)
    delete = f"delete {project.id}"
    context.say(DATA_WARNING)
    if not context.tools.dry and confirm(f"Type `{delete}` to delete the data too, or Enter to keep it: ") != delete:
        context.say("The database, its backups and the keys are kept.")
        return
    _data(context)


def _confirmed(context: Context, warning: str, question: str, confirm: Callable[[str], str], word: str) -> None:
    context.say(warning)
    if context.tools.dry:
        context.say(f"  ask: {question}")
    elif confirm(question).strip() != word:
        raise DeployError("not confirmed; nothing was changed")


def _functions(context: Context) -> None:
    project, tools = context.project, context.tools
    common = ("--project", project.id, "--config", context.config, "--force")
    if ours := sorted(context.endpoints if tools.dry else existing(context)):
        tools.firebase("functions:delete", *ours, "--region", project.region, *common)


def _hosting(context: Context, confirm: Callable[[str], str]) -> None:
    """Asks separately, because Hosting may serve another app."""
    question = "Type `hosting` to take the project's site down, or Enter to keep it: "
    if context.tools.dry:
        context.say(f"  ask: {question}")
    elif confirm(question).strip() != "hosting":
        return
    context.tools.firebase("hosting:disable", "--project", context.project.id, "--force")


def _monitoring(context: Context) -> None:
    flag, tools = context.project.flag, context.tools
    for one in tools.json("alpha", "monitoring", "policies", "list", flag) or []:
        if monitoring_setup.LABEL in one.get("userLabels", {}):
            tools.gcloud("alpha", "monitoring", "policies", "delete", one["name"], flag, "--quiet")
    for one in tools.json("monitoring", "dashboards", "list", flag) or []:
        if one["name"].rsplit("/", 1)[-1].startswith(monitoring_setup.DASHBOARD):
            tools.gcloud("monitoring", "dashboards", "delete", one["name"], flag, "--quiet")
    there = {one["name"] for one in tools.json("logging", "metrics", "list", flag) or []}
    for name in monitoring_setup.metrics():
        if name in there:
            tools.gcloud("logging", "metrics", "delete", name, flag, "--quiet")
    for one in tools.json("beta", "monitoring", "channels", "list", flag) or []:
        if one.get("displayName") == channels.CHANNEL:
            tools.gcloud("beta", "monitoring", "channels", "delete", one["name"], flag, "--quiet")


def _secrets(context: Context, names: Iterable[str]) -> None:
    flag, tools = context.project.flag, context.tools
    there = {name.rsplit("/", 1)[-1] for name in tools.lines("secrets", "list", flag, "--format=value(name)")}
    for name in names:
        if name in there:
            tools.gcloud("secrets", "delete", name, flag, "--quiet")


def _accounts(context: Context) -> None:
    """Removes roles first: the roles of a deleted account would remain under an unreadable name."""
    project, tools = context.project, context.tools
    held = bindings(tools.json("projects", "get-iam-policy", project.id))
    for account, rights in RIGHTS.items():
        member = f"serviceAccount:{project.address(account)}"
        for role in rights.project:
            if (role, member) in held:
                take = ("projects", "remove-iam-policy-binding", project.id, f"--member={member}", f"--role={role}")
                tools.gcloud(*take, "--condition=None", "--format=none")
    _key_rights(context)
    there = set(tools.lines("iam", "service-accounts", "list", project.flag, "--format=value(email)"))
    for address in (*map(project.address, RIGHTS), tasks_caller(project.id)):
        if address in there:
            tools.gcloud("iam", "service-accounts", "delete", address, project.flag, "--quiet")


def _key_rights(context: Context) -> None:
    """Removes the rights on the key, because the key stays.

    A later account of the same name is a different account, and would only seem to have these rights.
    """
    if kms.settle(context)[1] is None:
        return
    project, tools = context.project, context.tools
    key = project.key
    place = (f"--keyring={key.ring}", *key.place)
    held = bindings(tools.json("kms", "keys", "get-iam-policy", key.name, *place))
    for account, rights in RIGHTS.items():
        member = f"serviceAccount:{project.address(account)}"
        if rights.key is not None and (rights.key, member) in held:
            take = ("kms", "keys", "remove-iam-policy-binding", key.name, *place, f"--member={member}")
            tools.gcloud(*take, f"--role={rights.key}", "--format=none")


def _data(context: Context) -> None:
    project, tools = context.project, context.tools
    where = (f"--database={DATABASE}", project.flag)
    if tools.dry or store.find(context) is not None:
        tools.gcloud("firestore", "databases", "update", "--no-delete-protection", *where)
        tools.gcloud("firestore", "databases", "delete", *where, "--quiet")
    _secrets(context, OF_DATA)
    kms.unmake(context)
