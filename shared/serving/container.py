"""The only place that chooses adapters. Each is made once per process, on first use: importing this opens nothing."""

import functools
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from shared.settings import settings as settings

if TYPE_CHECKING:
    from google.cloud import firestore

    from shared import ports
    from shared.adapters.firestore.audit import FirestoreAudit
    from shared.adapters.google.cloud_tasks import CloudTasksQueue
    from shared.adapters.google.firebase_auth import FirebaseCallers
    from shared.adapters.plaid.client import PlaidClient
    from shared.adapters.plaid.webhook_signature import WebhookVerifier
    from shared.domain.errors import PermissionDenied
    from shared.serving.refused_calls import RefusedCalls
    from shared.usecases.apply_status_event import StatusEvents
    from shared.usecases.item_ownership import ItemOwnership
    from shared.usecases.items.refresh_item_status import ItemStatusRefresh
    from shared.usecases.linking.connection_cap import ConnectionCap
    from shared.usecases.linking.exchange_public_token import Exchange
    from shared.usecases.sync.refresh_transactions import TransactionsRefresh

Made = TypeVar("Made")


def once(make: Callable[[], Made]) -> Callable[[], Made]:
    """Makes something once, even if the first requests of an instance come at the same moment."""
    lock = threading.Lock()
    made: list[Made] = []

    @functools.wraps(make)
    def get() -> Made:
        if not made:
            with lock:
                if not made:
                    made.append(make())
        return made[0]

    return get


@once
def firestore_client() -> "firestore.Client":
    """The one connection to Firestore."""
    from google.cloud import firestore

    client = firestore.Client(project=settings().project)
    if settings().is_local:  # the emulator answers what production would refuse for want of an index
        from shared.adapters.firestore.queries import with_index_check

        return with_index_check(client)
    return client


@once
def clock() -> "ports.Clock":
    """The wall clock."""
    from shared.adapters.clock import SystemClock

    return SystemClock()


@once
def _auth() -> "FirebaseCallers":
    from shared.adapters.google.firebase_auth import FirebaseCallers

    return FirebaseCallers(project=settings().project)


def callers() -> "ports.Callers":
    """Firebase Auth: who calls."""
    return _auth()


def owners() -> "ports.Owners":
    """Firebase Auth: who is there still."""
    return _auth()


@once
def plaid() -> "PlaidClient":
    """Plaid."""
    from shared.adapters.plaid.client import PlaidClient

    return PlaidClient(settings=settings())


@once
def vault() -> "ports.Vault":
    """The vault of access tokens."""
    from shared.adapters.vault.envelope import vault_for

    return vault_for(settings())


def parse_webhook() -> "ports.ParseWebhook":
    """Translates the bodies of Plaid's webhooks."""
    from shared.adapters.plaid.webhook_events import parse_webhook

    return parse_webhook


@once
def webhooks() -> "WebhookVerifier":
    """The verifier of Plaid's webhooks, with its cache of keys."""
    from shared.adapters.firestore.webhook_keys import FirestoreWebhookKeys
    from shared.adapters.plaid.webhook_signature import WebhookVerifier

    stored = FirestoreWebhookKeys(firestore_client())
    return WebhookVerifier(fetch_key=plaid().webhook_key, stored=stored, clock=clock())


def sync_queue() -> "ports.SyncQueue":
    """Cloud Tasks, for syncs."""
    return _queues()


def tasks() -> "ports.Tasks":
    """Cloud Tasks, for everything else."""
    return _queues()


@once
def _queues() -> "CloudTasksQueue":
    from shared.adapters.google.cloud_tasks import CloudTasksQueue

    return CloudTasksQueue(settings=settings())


@once
def _audit() -> "FirestoreAudit":
    from shared.adapters.firestore.audit import FirestoreAudit

    return FirestoreAudit(firestore_client(), function=settings().function, retention=settings().audit_retention)


def audit_log() -> "ports.AuditLog":
    """The audit logs."""
    return _audit()


@once
def signer() -> "ports.Signer":
    """Signs the audit logs' checkpoints."""
    from shared.adapters.vault.audit_signer import signer_for

    return signer_for(settings())


@once
def syncs() -> "ports.Syncs":
    """Sync states and the commits of runs."""
    from shared.adapters.firestore.syncs import FirestoreSyncs

    return FirestoreSyncs(firestore_client(), audit=_audit())


@once
def paused() -> "ports.PausedSyncs":
    """What operators have paused."""
    from shared.adapters.firestore.pauses import FirestorePauses

    return FirestorePauses(firestore_client())


@once
def recently_paused() -> "ports.PausedSyncs":
    """The same for runs, of which there are many."""
    from shared.adapters.firestore.cached_pauses import CachedPauses

    return CachedPauses(paused(), clock=clock())


@once
def connections() -> "ports.Connections":
    """Connections, accounts, credentials."""
    from shared.adapters.firestore.connections import FirestoreConnections

    return FirestoreConnections(firestore_client(), audit=_audit())


@once
def credentials() -> "ports.Credentials":
    """The access tokens, sealed."""
    from shared.adapters.firestore.credentials import FirestoreCredentials

    return FirestoreCredentials(firestore_client(), audit=_audit())


@once
def intents() -> "ports.Intents":
    """Exchanges under way."""
    from shared.adapters.firestore.exchange_intents import FirestoreIntents

    return FirestoreIntents(firestore_client(), audit=_audit())


@once
def item_ownership() -> "ItemOwnership":
    """Whose items are; the only way to remove one."""
    from shared.adapters.firestore.item_holders import FirestoreItems
    from shared.usecases.item_ownership import ItemOwnership

    items = FirestoreItems(firestore_client())
    return ItemOwnership(items=items, connections=connections(), plaid=plaid(), clock=clock())


@once
def exchanges() -> "Callable[..., Exchange]":
    """The exchange of public tokens, for a user and, if they may not make connections, the error that says why."""
    from shared.usecases.linking.exchange_public_token import Exchange
    from shared.usecases.linking.existing_connection import ExistingConnection

    def reconnect(connection_id: str, app_user_id: str) -> None:
        from shared.serving import items_container  # few exchanges need it

        items_container.reconnect_connection()(connection_id, app_user_id=app_user_id)

    def exchange(app_user_id: str, refused: "PermissionDenied | None" = None) -> Exchange:
        return Exchange(
            app_user_id=app_user_id,
            refused=refused,
            plaid=plaid(),
            vault=vault(),
            connections=connections(),
            intents=intents(),
            ownership=item_ownership(),
            elsewhere=ExistingConnection(
                connections=connections(),
                intents=intents(),
                reconnect=functools.partial(reconnect, app_user_id=app_user_id),
            ),
            institutions=institutions(),
            cap=connection_cap(),
            clock=clock(),
            sleep=time.sleep,
        )

    for made_on_first_use in (plaid, vault, connections, intents, item_ownership, institutions, connection_cap, clock):
        made_on_first_use()
    return exchange


@once
def removals() -> "ports.Removals":
    """Connections that are being removed."""
    from shared.adapters.firestore.removals import FirestoreRemovals

    return FirestoreRemovals(firestore_client(), audit=_audit())


@once
def connection_data() -> "ports.ConnectionData":
    """What connections leave behind."""
    from shared.adapters.firestore.purge import FirestoreConnectionData

    return FirestoreConnectionData(firestore_client())


@once
def erasures() -> "ports.Erasures":
    """Users whose bank data is being erased."""
    from shared.adapters.firestore.erasures import FirestoreErasures

    return FirestoreErasures(firestore_client(), audit=_audit())


@once
def institutions() -> "ports.Institutions":
    """The shared cache of institutions."""
    from shared.adapters.firestore.institutions import FirestoreInstitutions

    return FirestoreInstitutions(firestore_client())


@once
def inbox() -> "ports.Inbox":
    """Webhooks as they arrived."""
    from shared.adapters.firestore.webhook_inbox import FirestoreInbox

    return FirestoreInbox(firestore_client())


@once
def profiles() -> "ports.Profiles":
    """What users set for themselves."""
    from shared.adapters.firestore.profiles import FirestoreProfiles

    return FirestoreProfiles(firestore_client())


@once
def pushes() -> "ports.Pushes":
    """Push messages, and the devices they go to."""
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

    return FirestoreHealth(firestore_client())


@once
def limits() -> "ports.Limits":
    """Rate limits."""
    from shared.adapters.firestore.limits import FirestoreLimits

    return FirestoreLimits(firestore_client())


@once
def refused_calls() -> "RefusedCalls":
    """Whose calls this instance has refused."""
    from shared.serving.refused_calls import RefusedCalls

    return RefusedCalls()


@once
def budgets() -> "ports.Budgets":
    """Ceilings on calls that the owner pays for."""
    from shared.adapters.firestore.budgets import FirestoreBudgets

    return FirestoreBudgets(firestore_client())


@once
def transactions_refresh() -> "TransactionsRefresh":
    """Asks banks for what is new, within the ceilings."""
    from shared.usecases.sync.refresh_transactions import TransactionsRefresh

    return TransactionsRefresh(plaid=plaid(), budgets=budgets(), ceilings=settings().refresh_ceilings, clock=clock())


@once
def connection_cap() -> "ConnectionCap":
    """How many connections a user may have."""
    from shared.usecases.linking.connection_cap import ConnectionCap

    most = settings().max_connections_per_user
    return ConnectionCap(most=most, connections=connections(), links=links(), clock=clock())


@once
def status_events() -> "StatusEvents":
    """Makes what is written with a status."""
    from shared.usecases.apply_status_event import StatusEvents

    return StatusEvents(connections=connections(), profiles=profiles(), clock=clock())


@once
def item_status_refresh() -> "ItemStatusRefresh":
    """Reads an item at Plaid, and commits what follows."""
    from shared.usecases.items.refresh_item_status import ItemStatusRefresh

    return ItemStatusRefresh(
        connections=connections(),
        credentials=credentials(),
        syncs=syncs(),
        plaid=plaid(),
        vault=vault(),
        queue=sync_queue(),
        tasks=tasks(),
        status_events=status_events(),
    )


def for_set_up() -> dict[str, Any]:
    """What `set_up_connection` needs, for the functions that call it."""
    from shared.webhook_address import webhook_address

    return for_institutions() | {
        "webhook_url": webhook_address(settings()),
        "connections": connections(),
        "syncs": syncs(),
        "vault": vault(),
        "sleep": time.sleep,
    }


def for_sweep() -> dict[str, Any]:
    """What `sweep_exchanges` needs, for the two functions that call it."""
    return {
        "intents": intents(),
        "ownership": item_ownership(),
        "vault": vault(),
        "profiles": profiles(),
        "clock": clock(),
    }


def for_institutions() -> dict[str, Any]:
    """What `refresh_institutions` needs."""
    return {
        "country_codes": settings().country_codes,
        "institutions": institutions(),
        "plaid": plaid(),
        "clock": clock(),
    }


def refusal() -> "PermissionDenied | None":
    """Why the caller of this call may not make connections; None if they may."""
    from shared import request_context
    from shared.usecases.linking.may_connect import refusal_of

    return refusal_of(
        request_context.user.get(),
        allow_anonymous=settings().allow_anonymous,
        require_verified_email=settings().require_verified_email,
    )
