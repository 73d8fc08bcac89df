"""Who each deployed function is: a service account for each set of rights. What each may do: deploy/roles.py.

Full addresses, and the project as firebase-tools' own parameter: of the short form `name@` it makes an address for the
function, but neither for the job of a schedule nor for the access to a secret.
"""


def _address(name: str) -> str:
    return f"{name}@{{{{ params.PROJECT_ID }}}}.iam.gserviceaccount.com"


NOBODY = _address("bank-nobody")  # answers without touching anything
USERS = _address("bank-users")  # serves signed-in users, without access tokens
LINK = _address("bank-link")  # serves signed-in users, and seals and opens access tokens
WEBHOOK = _address("bank-webhook")  # takes what Plaid sends; seals, and opens nothing
WORKER = _address("bank-worker")  # works with access tokens
ROUNDS = _address("bank-rounds")  # goes over connections and owners, without access tokens
SCHEDULE = _address("bank-schedule")  # finds what was left behind
CREATED = _address("bank-created")  # hears of new connections
DELETED = _address("bank-deleted")  # hears of users who are gone
PUSH = _address("bank-push")  # sends push messages

TASKS = "bank-tasks"
"""As whom Cloud Tasks calls the functions behind the queues; it may do nothing else."""


def tasks_caller(project: str) -> str:
    """The address of TASKS in a project."""
    return f"{TASKS}@{project}.iam.gserviceaccount.com"
