"""The service accounts that the deployed functions run as, one per set of permissions (deploy/roles.py).

Addresses are written in full, with the project as a parameter of firebase-tools, because firebase-tools expands the
short form `name@` only for the function itself, not for its Cloud Scheduler job or its access to secrets.
"""


def _address(name: str) -> str:
    return f"{name}@{{{{ params.PROJECT_ID }}}}.iam.gserviceaccount.com"


NOBODY = _address("bank-nobody")  # no permissions: serves calls that need no data
USERS = _address("bank-users")  # serves signed-in users; no access tokens
LINK = _address("bank-link")  # serves signed-in users; seals and opens access tokens
WEBHOOK = _address("bank-webhook")  # receives webhooks; seals tokens but cannot open them
WORKER = _address("bank-worker")  # runs tasks; uses access tokens
ROUNDS = _address("bank-rounds")  # runs the daily checks and erasures; no access tokens
SCHEDULE = _address("bank-schedule")  # runs the scheduler, which enqueues due and interrupted work
CREATED = _address("bank-created")  # handles created connections
DELETED = _address("bank-deleted")  # handles deleted users
PUSH = _address("bank-push")  # sends push messages

TASKS = "bank-tasks"
"""The account that Cloud Tasks uses to call the task functions; it has no other permission."""


def tasks_caller(project: str) -> str:
    """The address of the TASKS account in a project."""
    return f"{TASKS}@{project}.iam.gserviceaccount.com"
