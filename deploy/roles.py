"""What each service account may do, and nothing more. A test holds this table against what the functions touch.

Roles: https://cloud.google.com/iam/docs/roles-permissions. Access to secrets is given by `firebase deploy`, secret by
secret, to the accounts of the functions that declare them. The account as which Cloud Tasks calls
(service_accounts.TASKS) has no role in the project: it may call the functions behind the queues, each by itself.
"""

from dataclasses import dataclass

from shared import service_accounts

FIRESTORE = "roles/datastore.user"
QUEUES = "roles/cloudtasks.enqueuer"
USERS = "roles/firebaseauth.viewer"  # is an ID token revoked? is a user there still?
MESSAGES = "roles/firebasecloudmessaging.admin"
EVENTS = "roles/eventarc.eventReceiver"
ACT_AS = "roles/iam.serviceAccountUser"  # of the account that tasks are delivered as, by whoever enqueues
INVOKE = "roles/run.invoker"
SEAL = "roles/cloudkms.cryptoKeyEncrypter"
SEAL_AND_OPEN = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
OPEN = "roles/cloudkms.cryptoKeyDecrypter"


@dataclass(frozen=True, slots=True)
class Rights:
    """What an account may do: roles in the project, and one on the key that seals access tokens."""

    what: str
    project: tuple[str, ...] = ()
    key: str | None = None


RIGHTS = {
    service_accounts.NOBODY: Rights("answers without touching anything"),
    service_accounts.USERS: Rights("serves signed-in users", (FIRESTORE, QUEUES, USERS)),
    service_accounts.LINK: Rights("links banks", (FIRESTORE, QUEUES, USERS), SEAL_AND_OPEN),
    service_accounts.WEBHOOK: Rights("takes webhooks", (FIRESTORE, QUEUES), SEAL),
    service_accounts.WORKER: Rights("works with access tokens", (FIRESTORE, QUEUES), SEAL_AND_OPEN),
    service_accounts.ROUNDS: Rights("goes over connections and owners", (FIRESTORE, QUEUES, USERS)),
    service_accounts.SCHEDULE: Rights("finds what was left behind", (FIRESTORE, QUEUES), SEAL_AND_OPEN),
    service_accounts.CREATED: Rights("hears of new connections", (FIRESTORE, QUEUES, EVENTS), OPEN),
    service_accounts.DELETED: Rights("hears of users who are gone", (FIRESTORE, QUEUES, EVENTS)),
    service_accounts.PUSH: Rights("sends push messages", (FIRESTORE, MESSAGES, EVENTS)),
}
