"""Chooses the adapters. Each is created once per process, on first use; importing this module opens no connection."""

from typing import TYPE_CHECKING

from shared.serving.once import once
from shared.settings import settings

if TYPE_CHECKING:
    from google.cloud import firestore

    from shared import ports
    from shared.adapters.firestore.audit import FirestoreAudit
    from shared.adapters.google.cloud_tasks import CloudTasksQueue
    from shared.adapters.google.firebase_auth import FirebaseCallers
    from shared.serving.refused_calls import RefusedCalls


@once
def firestore_client() -> "firestore.Client":
    """The Firestore client."""
    from google.cloud import firestore

    client = firestore.Client(project=settings().project)
    if settings().is_local:  # the emulator accepts queries that production refuses without an index
        from shared.adapters.firestore.queries import with_index_check

        return with_index_check(client)
    return client


@once
def clock() -> "ports.Clock":
    """The wall clock."""
    from shared.adapters.clock import SystemClock

    return SystemClock()


def executors() -> "ports.Executors":
    """Threads."""
    from shared.adapters.threads import ThreadExecutor

    return ThreadExecutor


@once
def _auth() -> "FirebaseCallers":
    from shared.adapters.google.firebase_auth import FirebaseCallers

    return FirebaseCallers(project=settings().project)


def callers() -> "ports.Callers":
    """Firebase Auth, to verify callers."""
    return _auth()


def owners() -> "ports.Owners":
    """Firebase Auth, to find deleted users."""
    return _auth()


@once
def vault() -> "ports.Vault":
    """The vault of access tokens."""
    from shared.adapters.vault.envelope import vault_for

    return vault_for(settings())


@once
def tasks() -> "CloudTasksQueue":
    """Cloud Tasks."""
    from shared.adapters.google.cloud_tasks import CloudTasksQueue

    return CloudTasksQueue(settings=settings())


def sync_queue() -> "ports.SyncQueue":
    """Cloud Tasks, for syncs."""
    return tasks()


@once
def audit_log() -> "FirestoreAudit":
    """The audit logs."""
    from shared.adapters.firestore.audit import FirestoreAudit

    return FirestoreAudit(firestore_client(), function=settings().function, retention=settings().audit_retention)


@once
def signer() -> "ports.Signer":
    """Signs the audit logs' checkpoints."""
    from shared.adapters.vault.audit_signer import signer_for

    return signer_for(settings())


@once
def syncs() -> "ports.Syncs":
    """Sync states and the commits of runs."""
    from shared.adapters.firestore.syncs import FirestoreSyncs

    return FirestoreSyncs(firestore_client(), audit=audit_log())


@once
def paused() -> "ports.PausedSyncs":
    """The pauses of syncs by operators."""
    from shared.adapters.firestore.pauses import FirestorePauses

    return FirestorePauses(firestore_client())


@once
def recently_paused() -> "ports.PausedSyncs":
    """The pauses of syncs with a short cache, for runs, of which there are many."""
    from shared.adapters.firestore.cached_pauses import CachedPauses

    return CachedPauses(paused(), clock=clock())


@once
def connections() -> "ports.Connections":
    """Connections, accounts and credentials."""
    from shared.adapters.firestore.connections import FirestoreConnections

    return FirestoreConnections(firestore_client(), audit=audit_log())


@once
def credentials() -> "ports.Credentials":
    """The sealed access tokens."""
    from shared.adapters.firestore.credentials import FirestoreCredentials

    return FirestoreCredentials(firestore_client(), audit=audit_log())


@once
def intents() -> "ports.Intents":
    """The intents of exchanges."""
    from shared.adapters.firestore.exchange_intents import FirestoreIntents

    return FirestoreIntents(firestore_client(), audit=audit_log())


@once
def removals() -> "ports.Removals":
    """Connections that are being removed."""
    from shared.adapters.firestore.removals import FirestoreRemovals

    return FirestoreRemovals(firestore_client(), audit=audit_log())


@once
def history_moves() -> "ports.HistoryMoves":
    """Moves of notes between connections."""
    from shared.adapters.firestore.history_moves import FirestoreHistoryMoves

    return FirestoreHistoryMoves(firestore_client(), audit=audit_log())


@once
def connection_data() -> "ports.ConnectionData":
    """The data of removed connections."""
    from shared.adapters.firestore.purge import FirestoreConnectionData

    return FirestoreConnectionData(firestore_client(), executors=executors())


@once
def erasures() -> "ports.Erasures":
    """Users whose bank data is being erased."""
    from shared.adapters.firestore.erasures import FirestoreErasures

    return FirestoreErasures(firestore_client(), audit=audit_log())


@once
def institutions() -> "ports.Institutions":
    """The shared cache of institutions."""
    from shared.adapters.firestore.institutions import FirestoreInstitutions

    return FirestoreInstitutions(firestore_client())


@once
def inbox() -> "ports.Inbox":
    """Received webhooks."""
    from shared.adapters.firestore.webhook_inbox import FirestoreInbox

    return FirestoreInbox(firestore_client())


@once
def profiles() -> "ports.Profiles":
    """The users' own settings."""
    from shared.adapters.firestore.profiles import FirestoreProfiles

    return FirestoreProfiles(firestore_client())


@once
def pushes() -> "ports.Pushes":
    """Push messages and devices."""
    from shared.adapters.firestore.pushes import FirestorePushes

    return FirestorePushes(firestore_client())


@once
def messaging() -> "ports.Messaging":
    """Firebase Cloud Messaging."""
    from shared.adapters.google.fcm import messaging_for

    return messaging_for(settings())


@once
def links() -> "ports.Links":
    """Hosted Link's sessions and results."""
    from shared.adapters.firestore.link_sessions import FirestoreLinks

    return FirestoreLinks(firestore_client())


@once
def health_figures() -> "ports.HealthFigures":
    """Counts over all connections."""
    from shared.adapters.firestore.health import FirestoreHealth

    known = settings()
    with_regions = known.key_pairs.has_eu
    return FirestoreHealth(firestore_client(), with_products=bool(known.sync_products), with_regions=with_regions)


@once
def limits() -> "ports.Limits":
    """Rate limits."""
    from shared.adapters.firestore.limits import FirestoreLimits

    return FirestoreLimits(firestore_client())


@once
def refused_calls() -> "RefusedCalls":
    """The users whose calls this instance has refused."""
    from shared.serving.refused_calls import RefusedCalls

    return RefusedCalls()


@once
def budgets() -> "ports.Budgets":
    """Budgets of calls that cost the operator money."""
    from shared.adapters.firestore.budgets import FirestoreBudgets

    return FirestoreBudgets(firestore_client())


@once
def items() -> "ports.Items":
    """The holders of items."""
    from shared.adapters.firestore.item_holders import FirestoreItems

    return FirestoreItems(firestore_client())


@once
def seals() -> "ports.Seals":
    """All sealed tokens, in any collection."""
    from shared.adapters.firestore.sealed_tokens import FirestoreSeals

    return FirestoreSeals(firestore_client())
