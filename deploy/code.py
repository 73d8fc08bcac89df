"""The parts that `firebase deploy` creates: rules, indexes, TTL policies; functions, queues, schedules; Hosting."""

from collections.abc import Iterable

from deploy.app import CODEBASE
from deploy.batches import new
from deploy.cli_grants import remember, take_back
from deploy.context import Context
from deploy.page import write
from deploy.queues import unfinished
from deploy.tools import DeployError
from deploy.triggers import remove_silent

IMAGES_KEPT_DAYS = "7"
NO_CLEANUP = "could not set up cleanup policy"
# The functions exist then, and the CLI does not try it again; deploy.iam.callers opens them.
NOT_OPENED = "Unable to set the invoker for the IAM policy"


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

    New functions come first, in small groups (deploy.batches). Among them are those whose triggers are older than the
    database (deploy.triggers).

    The CLI skips a function that did not change, even if an interrupted deploy created it without its queue or
    schedule; it does not skip a function that is given by name.

    Raises:
        DeployError: A command failed.
    """
    remember(context)
    remove_silent(context)
    for names in new(context):
        _functions(context, names)
    _functions(context)
    if behind := unfinished(context):
        _functions(context, behind)
    take_back(context)


def _functions(context: Context, names: Iterable[str] = ()) -> None:
    """Deploys the named functions, or all of them."""
    every = "functions" if context.project.app is None else f"functions:{CODEBASE}"
    what = ",".join(f"functions:{CODEBASE}:{name}" for name in names) or every
    for _ in range(2):  # each of the two problems occurs once
        try:
            _deploy(context, what)
        except DeployError as error:
            if NO_CLEANUP in str(error):
                where = ("--location", context.project.region, "--project", context.project.id)
                keep = ("--days", IMAGES_KEPT_DAYS, "--force")
                context.tools.firebase("functions:artifacts:setpolicy", *where, *keep)
            elif NOT_OPENED not in str(error):
                raise
        else:
            return
    _deploy(context, what)


def hosting(context: Context) -> None:
    """Deploys the web app and the routes of the API, to a new site if the project has none.

    A project to which Firebase was added without Hosting has no site, and the CLI creates one only when it can ask.

    Raises:
        DeployError: A command failed.
    """
    project = ("--project", context.project.id)
    listed = context.tools.firebase_json("hosting:sites:list", *project) or {"sites": []}
    if "DEFAULT_SITE" not in {site["type"] for site in listed["sites"]}:
        context.tools.firebase("hosting:sites:create", context.project.id, *project, "--non-interactive")
    if context.project.app is None and not context.tools.dry:
        write(context.project)
    _deploy(context, "hosting")


def _deploy(context: Context, what: str) -> None:
    where = ("--project", context.project.id, "--config", context.config)
    context.tools.firebase("deploy", "--only", what, *where, "--non-interactive")
