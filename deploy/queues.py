"""Queues and schedules as `firebase deploy` made them, held against what the functions declare.

The CLI makes them; but it leaves a queue that was paused paused, which is right, and should be known.
"""

from typing import Any

from deploy.context import Context
from deploy.project import REGION
from deploy.tools import DeployError


def unfinished(context: Context) -> list[str]:
    """Functions whose queue or schedule is not there, as after a deploy that broke off; none in a dry run.

    Raises:
        DeployError: A command failed.
    """
    if context.tools.dry:
        return []
    queues_, jobs = _listed(context, "tasks", "queues"), _listed(context, "scheduler", "jobs")
    return [
        *(name for name in context.of_kind("taskQueueTrigger") if name not in queues_),
        *(name for name in context.of_kind("scheduleTrigger") if job_of(name) not in jobs),
    ]


def queues(context: Context) -> None:
    """Corrects the rates of queues that differ: those towards Plaid keep below its limits.

    Raises:
        DeployError: A queue or a schedule is missing: the functions' deploy was not complete.
    """
    project, tools = context.project, context.tools
    place = (f"--location={REGION}", project.flag)
    there = _listed(context, "tasks", "queues")
    for name, endpoint in context.of_kind("taskQueueTrigger").items():
        wanted = endpoint["taskQueueTrigger"]["rateLimits"]
        found = there.get(name)
        if found is None and not tools.dry:
            raise DeployError(f"the queue {name} is missing: the functions are not deployed completely, run this again")
        if found is None or not _same(found.get("rateLimits", {}), wanted):
            rates = (
                f"--max-dispatches-per-second={wanted['maxDispatchesPerSecond']}",
                f"--max-concurrent-dispatches={wanted['maxConcurrentDispatches']}",
            )
            tools.gcloud("tasks", "queues", "update", name, *place, *rates)
        if found is not None and found.get("state", "RUNNING") != "RUNNING":
            context.say(f"  note: the queue {name} is {found['state'].lower()}, and stays so")


def schedules(context: Context) -> None:
    """Holds the jobs of Cloud Scheduler against the schedules of the functions.

    Raises:
        DeployError: One is missing.
    """
    there = _listed(context, "scheduler", "jobs")
    for name in context.of_kind("scheduleTrigger"):
        found = there.get(job_of(name))
        if found is None and not context.tools.dry:
            raise DeployError(f"the schedule of {name} is missing: run this again")
        if found is not None and found.get("state", "ENABLED") != "ENABLED":
            context.say(f"  note: the schedule of {name} is {found['state'].lower()}, and stays so")


def job_of(function: str) -> str:
    """What the Firebase CLI calls the job of a schedule."""
    return f"firebase-schedule-{function}-{REGION}"


def _listed(context: Context, *kind: str) -> dict[str, dict[str, Any]]:
    found = context.tools.json(*kind, "list", f"--location={REGION}", context.project.flag) or []
    return {one["name"].rsplit("/", 1)[-1]: one for one in found}


def _same(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(float(found.get(name, 0)) == float(value) for name, value in wanted.items())
