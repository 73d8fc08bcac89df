"""Checks the locations of a project: they fit together, Google offers every service there, and nothing moves.

Functions, a database and a key stay where they were created, so these checks come before anything is created.
"""

from collections.abc import Iterator

from deploy.app import CODEBASE
from deploy.context import Context
from deploy.locations import misfits
from deploy.project import DATABASE
from deploy.tools import DeployError


def fit(context: Context) -> Iterator[str]:
    """The locations: they fit together, and what exists stays where it is."""
    project = context.project
    database = _database(context)
    if database is not None and database != project.firestore_location:
        yield f"the database is in {database}: set DEPLOY_FIRESTORE_LOCATION={database} in {project.file.name}"
        return
    running = regions(context)
    if running - {project.region}:
        there = ", ".join(sorted(running))
        yield (
            f"this backend runs in {there}: set DEPLOY_REGION={min(running)} in {project.file.name}. To move it, "
            "take it down with make destroy and keep the data (docs/operations.md, Locations)"
        )
        return
    wrong = misfits(region=project.region, database=project.firestore_location, key=project.key.location)
    for problem in wrong:
        if context.tools.dry:
            context.say(f"would be refused: {problem}")
        elif running:  # of a version that allowed it; what exists cannot be moved
            context.say(f"  note: {problem}")
        else:
            yield problem


def offered(context: Context) -> None:
    """Checks that Google offers each service in its location.

    Raises:
        DeployError: A location lacks a service, or a command failed.
    """
    project = context.project
    needed = {
        "Cloud Run": ("run", "regions", project.region),
        "Cloud Tasks": ("tasks", "locations", project.region),
        "Cloud Scheduler": ("scheduler", "locations", project.region),
        "Cloud KMS": ("kms", "locations", project.key.location),
        "Firestore": ("firestore", "locations", project.firestore_location),
    }
    for service, (group, kind, location) in needed.items():
        listed = context.tools.json(group, kind, "list", project.flag) or []
        there = {one.get("locationId") or one["name"].rsplit("/", 1)[-1] for one in listed}
        if location not in there and not context.tools.dry:
            raise DeployError(f"{service} is not offered in {location}: {', '.join(sorted(there))}")


def _database(context: Context) -> str | None:
    listed = context.tools.listed("firestore", "databases", "list", context.project.flag)
    return next((one["locationId"] for one in listed if one["name"].endswith(f"/{DATABASE}")), None)


def regions(context: Context) -> set[str]:
    """The regions where functions of this backend are."""
    listed = context.tools.listed("functions", "list", "--v2", context.project.flag)
    return {
        one["name"].split("/")[3]
        for one in listed
        if one["name"].rsplit("/", 1)[-1] in context.endpoints
        and one.get("labels", {}).get("firebase-functions-codebase", CODEBASE) == CODEBASE
    }
