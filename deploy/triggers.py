"""Firestore triggers that became silent because their database was deleted and created again, as a restore does.

A trigger belongs to one database, not to its name: it receives no event of a new database of the same name, and must be
deleted and created, too. The Firebase CLI does not notice that: it skips a function whose source did not change
(firebase-tools, release/planner.ts).
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from deploy.context import Context
from deploy.project import DATABASE

FIRESTORE_EVENTS = "google.cloud.firestore."


def remove_silent(context: Context) -> None:
    """Deletes the backend's functions whose triggers are older than the database. The next step creates them again.

    It names functions of others that are affected, and leaves them alone.

    Raises:
        DeployError: A command failed.
    """
    silent, here = list(_silent(context)), context.project.region
    ours = sorted(name for region, name in silent if region == here and name in context.endpoints)
    for region, name in silent:
        if name not in ours:
            context.say(
                f"  note: {name} ({region}) no longer receives events, because the database was created again after it:"
                f" delete it (firebase functions:delete {name} --region={region}) and deploy it again"
            )
    if ours:
        context.say("  note: the database was created again after its triggers, which therefore receive no events")
        project = ("--project", context.project.id, "--config", context.config)
        context.tools.firebase("functions:delete", *ours, "--region", here, *project, "--force")


def _silent(context: Context) -> Iterator[tuple[str, str]]:
    """The region and name of each function whose trigger is older than its database."""
    flag, tools = context.project.flag, context.tools
    listed = tools.json("functions", "list", flag, "--v2") or []
    waiting = {_last(one["eventTrigger"]["trigger"]): one["name"] for one in listed if _listens(one)}
    if not waiting:
        return
    databases = tools.json("firestore", "databases", "list", flag) or []
    [database] = [one for one in databases if _last(one["name"]) == DATABASE]
    born = _time(database)
    for trigger in tools.json("eventarc", "triggers", "list", "--location=-", flag) or []:
        function = waiting.get(_last(trigger["name"]))
        if function is not None and _time(trigger) < born:
            yield function.split("/")[-3], _last(function)


def _listens(function: dict[str, Any]) -> bool:
    """Whether a function has a trigger on the backend's database."""
    trigger = function.get("eventTrigger") or {}
    filters = {one["attribute"]: one["value"] for one in trigger.get("eventFilters", [])}
    return (
        trigger.get("eventType", "").startswith(FIRESTORE_EVENTS)
        and filters.get("database", DATABASE) == DATABASE
        and "trigger" in trigger
    )


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _time(resource: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(resource["createTime"])
