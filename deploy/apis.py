"""The Google Cloud services that the backend uses."""

from deploy.context import Context

APIS = (
    "artifactregistry.googleapis.com",
    "billingbudgets.googleapis.com",
    "cloudbilling.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudkms.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "cloudscheduler.googleapis.com",
    "cloudtasks.googleapis.com",
    "eventarc.googleapis.com",
    "fcm.googleapis.com",
    "firebase.googleapis.com",
    "firebaserules.googleapis.com",
    "firestore.googleapis.com",
    "iam.googleapis.com",
    "identitytoolkit.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
)
WEB_APP = "Bank"
AT_ONCE = 20  # https://cloud.google.com/service-usage/docs/reference/rest/v1/services/batchEnable


def apis(context: Context) -> None:
    """Enables every service that is not enabled yet.

    Raises:
        DeployError: A command failed.
    """
    flag, tools = context.project.flag, context.tools
    there = set(tools.lines("services", "list", "--enabled", flag, "--format=value(config.name)"))
    off = [name for name in APIS if name not in there]
    for start in range(0, len(off), AT_ONCE):
        tools.gcloud("services", "enable", *off[start : start + AT_ONCE], flag)


def firebase(context: Context) -> None:
    """Adds Firebase to the project and registers the web app, where missing.

    Raises:
        DeployError: A command failed.
    """
    listed = context.tools.firebase_json("projects:list") or []
    if context.project.id not in {one["projectId"] for one in listed}:
        context.tools.firebase("projects:addfirebase", context.project.id, "--non-interactive")
    if not context.tools.firebase_json("apps:list", "WEB", "--project", context.project.id):
        context.tools.firebase("apps:create", "WEB", WEB_APP, "--project", context.project.id, "--non-interactive")
