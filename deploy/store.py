"""Firestore: the database, its point-in-time recovery to any minute of the last seven days, and its backups."""

from deploy.context import Context
from deploy.project import DATABASE

WEEKLY_KEPT = "14w"


def database(context: Context) -> None:
    """Creates the database if it is missing, and enables point-in-time recovery and deletion protection.

    Raises:
        DeployError: A command failed.
    """
    project, tools = context.project, context.tools
    there = tools.json("firestore", "databases", "list", project.flag) or []
    [found] = [one for one in there if one["name"].endswith(f"/{DATABASE}")] or [None]
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

    Raises:
        DeployError: A command failed.
    """
    project, tools = context.project, context.tools
    where = (f"--database={DATABASE}", project.flag)
    there = tools.json("firestore", "backups", "schedules", "list", *where) or []
    make = ("firestore", "backups", "schedules", "create", *where)
    if not any("dailyRecurrence" in one for one in there):
        tools.gcloud(*make, "--recurrence=daily", f"--retention={project.backup_days}d")
    if not any("weeklyRecurrence" in one for one in there):
        tools.gcloud(*make, "--recurrence=weekly", "--day-of-week=SUN", f"--retention={WEEKLY_KEPT}")
