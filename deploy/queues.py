"""Compares the queues and schedules that `firebase deploy` created with the declarations of the functions.

The CLI leaves a paused queue paused, which is right; the deploy reports it.
"""

from typing import Any

from deploy.context import Context
from deploy.tools import DeployError


def unfinished(context: Context) -> list[str]:
    """Functions whose queue or schedule is missing, as after an interrupted deploy; none in a dry run.

    Raises:
        DeployError: A command failed.
    """
    if context.tools.dry:
        return []
    queues_, jobs = _listed(context, "tasks", "queues"), _listed(context, "scheduler", "jobs")
    return [
        *(name for name in context.of_kind("taskQueueTrigger") if name not in queues_),
        *(name for name in context.of_kind("scheduleTrigger") if job_of(context, name) not in jobs),
    ]


def queues(context: Context) -> None:
    """Corrects the rate limits of queues that differ; those of Plaid calls stay below Plaid's limits.

    Raises:
        DeployError: A queue is missing, because the deploy of the functions was incomplete.
    """
    project, tools = context.project, context.tools
    place = (f"--location={project.region}", project.flag)
    there = _listed(context, "tasks", "queues")
    for name, endpoint in context.of_kind("taskQueueTrigger").items():
        wanted = endpoint["taskQueueTrigger"]["rateLimits"]
        found = there.get(name)
        if found is None and not tools.dry:
            raise DeployError(f"the queue {name} is missing: the functions' deploy was incomplete, run this again")
        if found is None or not _same(found.get("rateLimits", {}), wanted):
            rates = (
                f"--max-dispatches-per-second={wanted['maxDispatchesPerSecond']}",
                f"--max-concurrent-dispatches={wanted['maxConcurrentDispatches']}",
            )
            tools.gcloud("tasks", "queues", "update", name, *place, *rates)
        if found is not None and found.get("state", "RUNNING") != "RUNNING":
            context.say(f"  note: the queue {name} is {found['state'].lower()}, and stays that way")


def schedules(context: Context) -> None:
    """Checks that every scheduled function has its Cloud Scheduler job.

    Raises:
        DeployError: A job is missing.
    """
    there = _listed(context, "scheduler", "jobs")
    for name in context.of_kind("scheduleTrigger"):
        found = there.get(job_of(context, name))
        if found is None and not context.tools.dry:
            raise DeployError(f"the schedule of {name} is missing: run this again")
        if found is not None and found.get("state", "ENABLED") != "ENABLED":
            context.say(f"  note: the schedule of {name} is {found['state'].lower()}, and stays that way")


def job_of(context: Context, function: str) -> str:
    """The Firebase CLI's name for the Cloud Scheduler job of a function."""
    return f"firebase-schedule-{function}-{context.project.region}"


def _listed(context: Context, *kind: str) -> dict[str, dict[str, Any]]:
    found = context.tools.json(*kind, "list", f"--location={context.project.region}", context.project.flag) or []
    return {one["name"].rsplit("/", 1)[-1]: one for one in found}


def _same(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(float(found.get(name, 0)) == float(value) for name, value in wanted.items())
