"""What `firebase deploy` puts in place: rules, indexes, TTL policies; functions, queues, schedules; Hosting."""

from deploy.app import CODEBASE
from deploy.context import Context
from deploy.project import REGION
from deploy.queues import unfinished
from deploy.tools import DeployError

IMAGES_KEPT_DAYS = "7"
NO_CLEANUP = "could not set up cleanup policy"


def rules(context: Context) -> None:
    """Rules, indexes and TTL policies. Indexes of others in the project stay.

    Raises:
        DeployError: The command failed.
    """
    _deploy(context, "firestore")


def functions(context: Context) -> None:
    """Functions, queues and schedules. Functions of others in the project stay.

    Without `--force`, since with it the CLI would also delete functions that are not in this source. So the first
    deploy of a project, which asks for a policy about old container images, is told that in a step of its own.

    The CLI skips a function that did not change, even if the deploy that made it broke off before its queue or schedule
    was there; one that is named it does not skip.

    Raises:
        DeployError: A command failed.
    """
    every = "functions" if context.project.app is None else f"functions:{CODEBASE}"
    try:
        _deploy(context, every)
    except DeployError as error:
        if NO_CLEANUP not in str(error):
            raise
        where = ("--location", REGION, "--days", IMAGES_KEPT_DAYS, "--project", context.project.id)
        context.tools.firebase("functions:artifacts:setpolicy", *where, "--force")
        _deploy(context, every)
    if behind := unfinished(context):
        _deploy(context, ",".join(f"functions:{CODEBASE}:{name}" for name in behind))


def hosting(context: Context) -> None:
    """The web app, and the addresses of the API.

    Raises:
        DeployError: The command failed.
    """
    _deploy(context, "hosting")


def _deploy(context: Context, what: str) -> None:
    project = context.project
    dry = context.tools.dry and project.app is None  # an app's firebase.json is there, and is not written
    config = f"firebase.{project.id}.local.json" if dry else str(project.write_config())
    context.tools.firebase("deploy", "--only", what, "--project", project.id, "--config", config, "--non-interactive")
