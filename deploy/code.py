"""The parts that `firebase deploy` creates: rules, indexes, TTL policies; functions, queues, schedules; Hosting."""

from deploy.app import CODEBASE
from deploy.context import Context
from deploy.project import REGION
from deploy.queues import unfinished
from deploy.tools import DeployError

IMAGES_KEPT_DAYS = "7"
NO_CLEANUP = "could not set up cleanup policy"


def rules(context: Context) -> None:
    """Deploys rules, indexes and TTL policies. Other indexes in the project stay.

    Raises:
        DeployError: The command failed.
    """
    _deploy(context, "firestore")


def functions(context: Context) -> None:
    """Deploys functions, queues and schedules. Other functions in the project stay.

    It does not use `--force`, with which the CLI would also delete functions that are not in this source. The first
    deploy of a project needs a cleanup policy for old container images, which a separate command sets.

    The CLI skips a function that did not change, even if an interrupted deploy created it without its queue or
    schedule; it does not skip a function that is given by name.

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
    """Deploys the web app and the routes of the API.

    Raises:
        DeployError: The command failed.
    """
    _deploy(context, "hosting")


def _deploy(context: Context, what: str) -> None:
    project = context.project
    dry = context.tools.dry and project.app is None  # an app's firebase.json exists and is never written
    config = f"firebase.{project.id}.local.json" if dry else str(project.write_config())
    context.tools.firebase("deploy", "--only", what, "--project", project.id, "--config", config, "--non-interactive")
