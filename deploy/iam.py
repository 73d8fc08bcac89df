"""Service accounts and what they may do. Rights are only added where they are missing, and never taken from others."""

from typing import Any

from deploy.context import Context
from deploy.project import KEY, KEYRING, REGION
from deploy.roles import ACT_AS, INVOKE, QUEUES, RIGHTS
from shared.service_accounts import tasks_caller

Binding = tuple[str, str]  # role, member


def accounts(context: Context) -> None:
    """Makes the accounts, and gives them their roles in the project.

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
    """Lets the accounts that seal or open access tokens use the key, and nobody else.

    Raises:
        DeployError: A command failed.
    """
    project, tools = context.project, context.tools
    place = (f"--keyring={KEYRING}", f"--location={REGION}", project.flag)
    held = bindings(tools.json("kms", "keys", "get-iam-policy", KEY, *place))
    for account, rights in RIGHTS.items():
        member = f"serviceAccount:{project.address(account)}"
        if rights.key is not None and (rights.key, member) not in held:
            grant = ("kms", "keys", "add-iam-policy-binding", KEY, *place, f"--member={member}")
            tools.gcloud(*grant, f"--role={rights.key}", "--format=none")


def callers(context: Context) -> None:
    """Lets Cloud Tasks, Eventarc and Cloud Scheduler call the functions that are theirs, and everybody those of HTTP.

    The Python SDK leaves the option `invoker` of a task queue out of what it tells the Firebase CLI, and the CLI grants
    nothing for documents' events where an account of one's own is used. Functions of HTTP it opens when it makes them,
    and only then: one whose first deploy broke off in between would refuse everybody for ever. Likewise those of
    schedules, when they change.

    Raises:
        DeployError: A command failed.
    """
    project, tools = context.project, context.tools
    tasks = dict.fromkeys(context.of_kind("taskQueueTrigger"), f"serviceAccount:{tasks_caller(project.id)}")
    events = {
        name: f"serviceAccount:{project.address(one['serviceAccountEmail'])}"
        for name, one in (context.of_kind("eventTrigger") | context.of_kind("scheduleTrigger")).items()
    }
    calls = dict.fromkeys(context.of_kind("httpsTrigger"), "allUsers")  # who may do what, they find out themselves
    for function, member in (tasks | events | calls).items():
        service = (service_of(function), f"--region={REGION}", project.flag)
        if (INVOKE, member) not in bindings(tools.json("run", "services", "get-iam-policy", *service)):
            grant = ("run", "services", "add-iam-policy-binding", *service, f"--member={member}")
            tools.gcloud(*grant, f"--role={INVOKE}", "--format=none")


def service_of(function: str) -> str:
    """The Cloud Run service behind a function of the second generation: its name as a service may be called."""
    return function.lower().replace("_", "-")


def bindings(policy: Any) -> set[Binding]:
    """The pairs in an IAM policy that hold without a condition."""
    found = (policy or {}).get("bindings", [])
    return {(one["role"], member) for one in found if "condition" not in one for member in one.get("members", [])}
