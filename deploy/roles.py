"""The roles of each service account. A test compares this table with what the functions use.

Roles: https://cloud.google.com/iam/docs/roles-permissions. `firebase deploy` grants access to each
secret to the accounts of the functions that declare it. The account that Cloud Tasks uses (service_accounts.TASKS) has
no role in the project: it is granted the right to call each function behind a queue.
"""

from dataclasses import dataclass

from shared import service_accounts

FIRESTORE = "roles/datastore.user"
QUEUES = "roles/cloudtasks.enqueuer"
USERS = "roles/firebaseauth.viewer"  # to check whether an ID token was revoked and whether a user still exists
MESSAGES = "roles/firebasecloudmessaging.admin"
EVENTS = "roles/eventarc.eventReceiver"
ACT_AS = "roles/iam.serviceAccountUser"  # on the account of Cloud Tasks, for the accounts that enqueue
INVOKE = "roles/run.invoker"
SEAL = "roles/cloudkms.cryptoKeyEncrypter"
SEAL_AND_OPEN = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
OPEN = "roles/cloudkms.cryptoKeyDecrypter"


@dataclass(frozen=True, slots=True)
class Rights:
    """The rights of an account: roles in the project, and one on the key that encrypts access tokens."""

    what: str
    project: tuple[str, ...] = ()
    key: str | None = None


RIGHTS = {
    service_accounts.NOBODY: Rights("answers without any access"),
    service_accounts.USERS: Rights("serves signed-in users", (FIRESTORE, QUEUES, USERS)),
    service_accounts.LINK: Rights("links banks", (FIRESTORE, QUEUES, USERS), SEAL_AND_OPEN),
    service_accounts.WEBHOOK: Rights("receives webhooks", (FIRESTORE, QUEUES), SEAL),
    service_accounts.WORKER: Rights("uses access tokens", (FIRESTORE, QUEUES), SEAL_AND_OPEN),
    service_accounts.ROUNDS: Rights("checks connections and their owners", (FIRESTORE, QUEUES, USERS)),
    service_accounts.SCHEDULE: Rights("resumes interrupted work", (FIRESTORE, QUEUES), SEAL_AND_OPEN),
    service_accounts.CREATED: Rights("sets up new connections", (FIRESTORE, QUEUES, EVENTS), OPEN),
    service_accounts.DELETED: Rights("erases deleted users", (FIRESTORE, QUEUES, EVENTS)),
    service_accounts.PUSH: Rights("sends push messages", (FIRESTORE, QUEUES, MESSAGES, EVENTS)),
}
