"""What `firebase deploy` puts in place: rules, indexes, TTL policies; functions, queues, schedules; Hosting."""

from deploy.app import CODEBASE
from deploy.context import Context
from deploy.project import REGION
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

    Raises:
        DeployError: A command failed.
    """
    try:
        _deploy(context, "functions")
    except DeployError as error:
        if NO_CLEANUP not in str(error):
            raise
        where = ("--location", REGION, "--days", IMAGES_KEPT_DAYS, "--project", context.project.id)
        context.tools.firebase("functions:artifacts:setpolicy", *where, "--force")
        _deploy(context, "functions")


def hosting(context: Context) -> None:
    """The web app, and the addresses of the API.

    Raises:
        DeployError: The command failed.
    """
    _deploy(context, "hosting")


def _deploy(context: Context, what: str) -> None:
    project = context.project
    own = project.app is None  # else it is the app's firebase.json, with codebases that are none of ours
    if not own and what == "functions":
        what = f"functions:{CODEBASE}"
    dry = own and context.tools.dry
    config = f"firebase.{project.id}.local.json" if dry else str(project.write_config())
    context.tools.firebase("deploy", "--only", what, "--project", project.id, "--config", config, "--non-interactive")
