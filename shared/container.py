"""The only place that chooses adapters. Each is made once per process, on first use: importing this opens nothing."""

from functools import cache
from typing import TYPE_CHECKING, Any

from shared import ports
from shared.settings import settings as settings

if TYPE_CHECKING:
    from google.cloud import firestore

    from shared.adapters.plaid import PlaidBank
    from shared.adapters.plaid_webhooks import WebhookVerifier


@cache
def firestore_client() -> "firestore.Client":
    """The one connection to Firestore."""
    from google.cloud import firestore

    return firestore.Client(project=settings().project)


@cache
def clock() -> ports.Clock:
    """The wall clock."""
    from shared.adapters.clock import SystemClock

    return SystemClock()


@cache
def callers() -> ports.Callers:
    """Firebase Auth."""
    from shared.adapters.firebase_auth import FirebaseCallers

    return FirebaseCallers(project=settings().project)


@cache
def bank() -> "PlaidBank":
    """Plaid."""
    from shared.adapters.plaid import PlaidBank

    return PlaidBank(settings=settings())


@cache
def vault() -> ports.Vault:
    """The vault of access tokens."""
    from shared.adapters.vault import vault_for

    return vault_for(settings())


@cache
def webhooks() -> "WebhookVerifier":
    """The verifier of Plaid's webhooks, with its cache of keys."""
    from shared.adapters.plaid_webhooks import WebhookVerifier

    return WebhookVerifier(fetch_key=bank().webhook_key, clock=clock())


@cache
def sync_queue() -> ports.SyncQueue:
    """Cloud Tasks."""
    from shared.adapters.cloud_tasks import CloudTasksQueue

    return CloudTasksQueue(settings=settings())


@cache
def syncs() -> ports.Syncs:
    """Sync states and the commits of runs."""
    from shared.adapters.firestore_syncs import FirestoreSyncs

    return FirestoreSyncs(firestore_client())


@cache
def connections() -> ports.Connections:
    """Connections, accounts, credentials."""
    from shared.adapters.firestore_connections import FirestoreConnections

    return FirestoreConnections(firestore_client())


@cache
def intents() -> ports.Intents:
    """Exchanges under way."""
    from shared.adapters.firestore_intents import FirestoreIntents

    return FirestoreIntents(firestore_client())


@cache
def institutions() -> ports.Institutions:
    """The shared cache of institutions."""
    from shared.adapters.firestore_institutions import FirestoreInstitutions

    return FirestoreInstitutions(firestore_client())


@cache
def inbox() -> ports.Inbox:
    """Webhooks as they arrived."""
    from shared.adapters.firestore_inbox import FirestoreInbox

    return FirestoreInbox(firestore_client())


@cache
def profiles() -> ports.Profiles:
    """What users set for themselves."""
    from shared.adapters.firestore_profiles import FirestoreProfiles

    return FirestoreProfiles(firestore_client())


@cache
def limits() -> ports.Limits:
    """Rate limits."""
    from shared.adapters.firestore_limits import FirestoreLimits

    return FirestoreLimits(firestore_client())


def for_welcome() -> dict[str, Any]:
    """What `welcome_connection` needs, for the two functions that call it."""
    return {
        "country_codes": settings().country_codes,
        "webhook_url": settings().webhook_url,
        "connections": connections(),
        "institutions": institutions(),
        "syncs": syncs(),
        "bank": bank(),
        "vault": vault(),
        "clock": clock(),
    }
