"""Preconditions that a new project or a new machine may lack."""

import json
from collections.abc import Iterator, Mapping, Sequence

import httpx

from deploy.context import Context
from deploy.project import DATABASE
from deploy.tools import DeployError, said
from shared.service_accounts import tasks_caller

OLDEST_GCLOUD = 528  # the version whose parser accepts every command of a deploy (tests/deploy/test_commands.py)
COMPONENTS = ("alpha", "beta")  # for alert policies and notification channels
RESOURCES = "https://cloudresourcemanager.googleapis.com/v1"

# What every deploy needs, by the role that has it (docs/deploy-from-ci.md lists these roles).
ALWAYS = {
    "roles/cloudfunctions.admin": (
        "cloudfunctions.functions.create", "cloudfunctions.functions.delete", "cloudfunctions.functions.list",
        "cloudfunctions.functions.setIamPolicy", "cloudfunctions.functions.update",
    ),
    "roles/run.admin": ("run.services.getIamPolicy", "run.services.setIamPolicy"),
    "roles/iam.serviceAccountUser": ("iam.serviceAccounts.actAs",),
    "roles/iam.securityReviewer": ("resourcemanager.projects.getIamPolicy",),
    "roles/cloudtasks.admin": ("cloudtasks.queues.update",),
    "roles/cloudscheduler.admin": ("cloudscheduler.jobs.run", "cloudscheduler.jobs.update"),
    "roles/eventarc.admin": ("eventarc.triggers.list",),
    "roles/firebaserules.admin": ("firebaserules.releases.update",),
    "roles/datastore.indexAdmin": ("datastore.indexes.update",),
    "roles/datastore.user": ("datastore.entities.create", "datastore.entities.delete"),
    "roles/firebasehosting.admin": ("firebasehosting.sites.update",),
    "roles/logging.configWriter": ("logging.logMetrics.update",),
    "roles/monitoring.editor": ("monitoring.alertPolicies.update",),
    "roles/viewer": ("logging.logEntries.list",),
}  # fmt: skip
KEYS = "roles/cloudkms.admin"
# What the first deploy needs besides, to create what later ones find.
FIRST = {
    "roles/resourcemanager.projectIamAdmin": ("resourcemanager.projects.setIamPolicy",),
    "roles/serviceusage.serviceUsageAdmin": ("serviceusage.services.enable",),
    "roles/iam.serviceAccountAdmin": ("iam.serviceAccounts.create", "iam.serviceAccounts.setIamPolicy"),
    KEYS: (
        "cloudkms.cryptoKeys.create", "cloudkms.cryptoKeys.setIamPolicy", "cloudkms.keyRings.create",
    ),
    "roles/secretmanager.admin": ("secretmanager.secrets.create", "secretmanager.versions.add"),
    "roles/datastore.owner": ("datastore.backupSchedules.create", "datastore.databases.create"),
    "roles/firebase.admin": ("firebase.projects.update",),
}  # fmt: skip


def gcloud(context: Context) -> Iterator[str]:
    """gcloud: a version and the components that have all commands of a deploy."""
    done = context.tools.look("gcloud", "version", "--format=json")
    if context.tools.dry or done.code:
        return
    found = json.loads(done.out)
    version = str(found.get("Google Cloud SDK", "0"))
    if int(version.partition(".")[0]) < OLDEST_GCLOUD:
        yield f"update gcloud {version} to {OLDEST_GCLOUD} or newer: gcloud components update"
    if absent := [name for name in COMPONENTS if name not in found]:
        yield f"install gcloud's components: gcloud components install {' '.join(absent)}"


def database_mode(context: Context) -> Iterator[str]:
    """The database, if there is one: in native mode."""
    for one in context.tools.listed("firestore", "databases", "list", context.project.flag):
        if one["name"].endswith(f"/{DATABASE}") and one.get("type") == "DATASTORE_MODE":
            yield (
                f"the database {DATABASE} is in Datastore mode, in which neither clients nor triggers work: use "
                "another project, or, if it is empty, change its mode: gcloud firestore databases update "
                f"--type=firestore-native --database='{DATABASE}' {context.project.flag}"
            )


def permissions(context: Context) -> Iterator[str]:
    """Your account: it has the rights that this deploy needs."""
    tools, project = context.tools, context.project
    accounts = tools.found("iam", "service-accounts", "list", project.flag, "--format=value(email)")
    needed = ALWAYS | (FIRST if tasks_caller(project.id) not in accounts.split() else {})
    if project.key.project != project.id:
        needed.pop(KEYS, None)
    try:
        yield from lacking(context, needed)
    except (httpx.HTTPError, DeployError, ValueError) as error:
        context.say(f"  note: the rights of your account could not be checked ({said(error)})")


def lacking(context: Context, needed: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The permissions that your account lacks, of those that each role has.

    Raises:
        DeployError: Google refused to say, or gcloud gave no token.
        httpx.HTTPError: There was no answer.
        ValueError: The answer could not be read.
    """
    asked = sorted(one for names in needed.values() for one in names)
    if context.tools.dry:
        context.say(f"  look: whether your account has {', '.join(asked)}")
        return
    held = _held(context, asked)
    for role, names in needed.items():
        if absent := [name for name in names if name not in held]:
            yield f"your account lacks {', '.join(absent)}: ask an owner of the project for {role}"


def _held(context: Context, asked: list[str]) -> set[str]:
    answer = context.request(
        "POST",
        f"{RESOURCES}/projects/{context.project.id}:testIamPermissions",
        json={"permissions": asked},
        headers={"Authorization": f"Bearer {context.tools.token()}"},
        timeout=60,
    )
    if not answer.is_success:
        raise DeployError(f"{answer.status_code} for testIamPermissions")
    return set(answer.json().get("permissions", []))
