"""Service accounts and their roles. A deploy adds missing roles and never removes roles of other accounts."""

from typing import Any

from deploy.context import Context
from deploy.roles import ACT_AS, INVOKE, QUEUES, RIGHTS
from deploy.tools import DeployError
from shared.service_accounts import tasks_caller

Binding = tuple[str, str]  # role, member

EVERYONE = "allUsers"
UNCHECKED = "run.googleapis.com/invoker-iam-disabled"
RESTRICTED = ("do not belong to a permitted customer", "iam.allowedPolicyMemberDomains", "iam.managed.allowedPolicy")


def accounts(context: Context) -> None:
    """Creates the service accounts and grants their roles in the project.

    Raises:
        DeployError: A command failed.
    """
    project, tools = context.project, context.tools
    there = set(tools.lines("iam", "service-accounts", "list", project.flag, "--format=value(email)"))
    wanted = {project.address(account): rights.what for account, rights in RIGHTS.items()}
    caller = tasks_caller(project.id)
    for address, what in (wanted | {caller: "calls the functions behind the queues"}).items():
        if address not in there:
            name = address.partition("@")[0]
            tools.gcloud("iam", "service-accounts", "create", name, project.flag, f"--display-name=Bank: {what}")
    held = bindings(tools.json("projects", "get-iam-policy", project.id))
    for account, rights in RIGHTS.items():
        for role in rights.project:
            member = f"serviceAccount:{project.address(account)}"
            if (role, member) not in held:
                grant = ("projects", "add-iam-policy-binding", project.id, f"--member={member}", f"--role={role}")
                tools.gcloud(*grant, "--condition=None", "--format=none")
    held = bindings(tools.json("iam", "service-accounts", "get-iam-policy", caller, project.flag))
    for account, rights in RIGHTS.items():
        member = f"serviceAccount:{project.address(account)}"
        if QUEUES in rights.project and (ACT_AS, member) not in held:
            grant = ("iam", "service-accounts", "add-iam-policy-binding", caller, project.flag)
            tools.gcloud(*grant, f"--member={member}", f"--role={ACT_AS}", "--format=none")


def key_rights(context: Context) -> None:
    """Grants the use of the key to the accounts that encrypt or decrypt access tokens, and to no others.

    Raises:
        DeployError: A command failed.
    """
    project, tools = context.project, context.tools
    key = project.key
    place = (f"--keyring={key.ring}", *key.place)
    held = bindings(tools.json("kms", "keys", "get-iam-policy", key.name, *place))
    for account, rights in RIGHTS.items():
        member = f"serviceAccount:{project.address(account)}"
        if rights.key is not None and (rights.key, member) not in held:
            grant = ("kms", "keys", "add-iam-policy-binding", key.name, *place, f"--member={member}")
            tools.gcloud(*grant, f"--role={rights.key}", "--format=none")


def callers(context: Context) -> None:
    """Lets Cloud Tasks, Eventarc and Cloud Scheduler call their functions, and everyone call the HTTP functions.

    The Python SDK does not pass the option `invoker` of a task queue to the Firebase CLI, and the CLI grants nothing
    for Firestore triggers that use their own service account. The CLI opens an HTTP function only when it creates it:
    after an interrupted first deploy the function would refuse every call. The same holds for scheduled functions when
    they change.

    Raises:
        DeployError: A command failed.
    """
    project, tools = context.project, context.tools
    tasks = dict.fromkeys(context.of_kind("taskQueueTrigger"), f"serviceAccount:{tasks_caller(project.id)}")
    events = {
        name: f"serviceAccount:{project.address(one['serviceAccountEmail'])}"
        for name, one in (context.of_kind("eventTrigger") | context.of_kind("scheduleTrigger")).items()
    }
    calls = dict.fromkeys(context.of_kind("httpsTrigger"), EVERYONE)  # the functions authenticate callers themselves
    for function, member in (tasks | events | calls).items():
        service = (service_of(function), f"--region={project.region}", project.flag)
        if (INVOKE, member) in bindings(tools.json("run", "services", "get-iam-policy", *service)):
            continue
        grant = ("run", "services", "add-iam-policy-binding", *service, f"--member={member}")
        if member == EVERYONE:
            _open(context, service, grant)
        else:
            tools.gcloud(*grant, f"--role={INVOKE}", "--format=none")


def _open(context: Context, service: tuple[str, ...], grant: tuple[str, ...]) -> None:
    """Lets everyone call a service.

    Where an organization forbids grants to everyone (domain-restricted sharing), Cloud Run stops checking callers
    instead: https://cloud.google.com/run/docs/authenticating/public
    """
    tools = context.tools
    found = tools.json("run", "services", "describe", *service) or {}
    if found.get("metadata", {}).get("annotations", {}).get(UNCHECKED) == "true":
        return
    try:
        tools.gcloud(*grant, f"--role={INVOKE}", "--format=none")
    except DeployError as error:
        if not any(reason in str(error) for reason in RESTRICTED):
            raise
        tools.gcloud("run", "services", "update", *service, "--no-invoker-iam-check", "--format=none")


def service_of(function: str) -> str:
    """The name of the Cloud Run service behind a second-generation function."""
    return function.lower().replace("_", "-")


def bindings(policy: Any) -> set[Binding]:
    """The unconditional (role, member) pairs of an IAM policy."""
    found = (policy or {}).get("bindings", [])
    return {(one["role"], member) for one in found if "condition" not in one for member in one.get("members", [])}
