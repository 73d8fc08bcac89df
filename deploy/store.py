"""Firestore: the database, its point-in-time recovery to any minute of the last seven days, and its backups."""

import shlex
from typing import Any

from deploy.context import Context
from deploy.project import DATABASE

LONGEST_BACKUP_DAYS = 98  # https://cloud.google.com/firestore/docs/backups: 14 weeks
DAY_SECONDS = 24 * 3600


def find(context: Context) -> dict[str, Any] | None:
    """The backend's database, as Firestore describes it; None if the project has none, or only others.

    Raises:
        DeployError: The command failed.
    """
    listed: list[dict[str, Any]]
    listed = context.tools.json("firestore", "databases", "list", context.project.flag) or []
    return next((one for one in listed if one["name"].endswith(f"/{DATABASE}")), None)


def database(context: Context) -> None:
    """Creates the database if it is missing, and enables point-in-time recovery and deletion protection.

    Raises:
        DeployError: A command failed.
    """
    project, tools = context.project, context.tools
    found = find(context)
    safe = ("--enable-pitr", "--delete-protection", project.flag)
    if found is None:
        where = f"--location={project.firestore_location}"
        tools.gcloud("firestore", "databases", "create", f"--database={DATABASE}", where, *safe)
    elif (
        found.get("pointInTimeRecoveryEnablement") != "POINT_IN_TIME_RECOVERY_ENABLED"
        or found.get("deleteProtectionState") != "DELETE_PROTECTION_ENABLED"
    ):
        tools.gcloud("firestore", "databases", "update", f"--database={DATABASE}", *safe)


def backups(context: Context) -> None:
    """Schedules daily backups, and weekly ones that are kept longer.

    A database has at most one schedule of each kind, which may be the app's. So it is only changed to keep backups
    longer.

    Raises:
        DeployError: A command failed.
    """
    project, tools = context.project, context.tools
    where = (f"--database={DATABASE}", project.flag)
    there = tools.json("firestore", "backups", "schedules", "list", *where) or []
    make = ("firestore", "backups", "schedules", "create", *where)
    wanted: dict[str, tuple[tuple[str, ...], int]]
    wanted = {"daily": ((), project.backup_days), "weekly": (("--day-of-week=SUN",), LONGEST_BACKUP_DAYS)}
    for kind, (day, days) in wanted.items():
        retention = f"--retention={days}d"
        found = [one for one in there if f"{kind}Recurrence" in one]
        if not found:
            tools.gcloud(*make, f"--recurrence={kind}", *day, retention)
        for one in found:
            kept = int(one["retention"].partition(".")[0].rstrip("s")) // DAY_SECONDS
            name = f"--backup-schedule={one['name'].rsplit('/', 1)[-1]}"
            change = ("firestore", "backups", "schedules", "update", *where, name, retention)
            if kept < days:
                tools.gcloud(*change)
            elif kept > days:
                context.say(f"  note: {kind} backups stay for {kept} days, as before. To change that: gcloud")
                context.say(f"        {shlex.join(change)}")
