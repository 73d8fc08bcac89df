"""Takes back the roles that the Firebase CLI grants to the default compute account in the whole project.

When it creates the first event trigger of a codebase, the CLI lets that account call every Cloud Run service and
receive every event (firebase-tools, deploy/functions/checkIam.ts). The backend's triggers use accounts of their own. A
role that the account held before may be needed by other functions of the project, so that one stays and is reported.
"""

import json
from pathlib import Path

from deploy.context import Context
from deploy.iam import Binding, bindings
from deploy.roles import EVENTS, INVOKE

GRANTED = (INVOKE, EVENTS)
BUILDS = "roles/cloudbuild.builds.builder"
CAN_BUILD = {BUILDS, "roles/editor", "roles/owner"}
KEPT_SECONDS = 24 * 3600.0  # an older memory of an interrupted deploy says nothing about today's roles


def build_account(context: Context) -> None:
    """Lets the default compute account build functions, where an organization's policy has left it without a role.

    https://cloud.google.com/build/docs/cloud-build-service-account-updates

    Raises:
        DeployError: A command failed.
    """
    project, tools = context.project, context.tools
    account = _compute(context)
    there = tools.lines("iam", "service-accounts", "list", project.flag, "--format=value(email)")
    member = f"serviceAccount:{account}"
    held = {role for role, who in _policy(context) if who == member}
    if account in there and not held & CAN_BUILD:
        grant = ("projects", "add-iam-policy-binding", project.id, f"--member={member}", f"--role={BUILDS}")
        tools.gcloud(*grant, "--condition=None", "--format=none")


def remember(context: Context) -> None:
    """Stores which of the roles the account holds before the functions are deployed.

    An interrupted deploy may have added some already: the next one continues with what that one has stored.

    Raises:
        DeployError: A command failed.
    """
    if _remembered(context):
        return
    held = _held(context)
    if not context.tools.dry:
        _file(context).parent.mkdir(parents=True, exist_ok=True)
        _file(context).write_text(json.dumps({"at": context.now(), "held": sorted(held)}), encoding="utf-8")


def take_back(context: Context) -> None:
    """Removes the roles that the account did not hold before, and names the others.

    Raises:
        DeployError: A command failed.
    """
    before = _stored(context)[1]  # however old by now: it was fit to use when this deploy began
    for role, member in sorted(_held(context)):
        take = ("projects", "remove-iam-policy-binding", context.project.id, f"--member={member}", f"--role={role}")
        if (role, member) in before:
            context.say(f"  note: {member} has {role} in the whole project, which this backend does not need. Unless")
            context.say(f"        other functions do, remove it: gcloud {' '.join(take)} --condition=None")
        else:
            context.tools.gcloud(*take, "--condition=None", "--format=none")
    if not context.tools.dry:
        _file(context).unlink(missing_ok=True)


def _held(context: Context) -> set[Binding]:
    member = f"serviceAccount:{_compute(context)}"
    return {(role, who) for role, who in _policy(context) if role in GRANTED and who == member}


def _policy(context: Context) -> set[Binding]:
    return bindings(context.tools.json("projects", "get-iam-policy", context.project.id))


def _compute(context: Context) -> str:
    numbers = context.tools.lines("projects", "describe", context.project.id, "--format=value(projectNumber)")
    return f"{''.join(numbers) or 'NUMBER'}-compute@developer.gserviceaccount.com"


def _remembered(context: Context) -> bool:
    return context.now() - _stored(context)[0] <= KEPT_SECONDS


def _stored(context: Context) -> tuple[float, set[Binding]]:
    """When the roles were stored, and which; long ago and none if that was never done, or was interrupted."""
    try:
        found = json.loads(_file(context).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return 0.0, set()
    return found["at"], {(role, member) for role, member in found["held"]}


def _file(context: Context) -> Path:
    return context.project.work / "roles-before.json"
