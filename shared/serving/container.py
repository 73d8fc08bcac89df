"""The adapters, and typed factories of use cases that several groups share (`<group>_container.py` has the others).

All factories look adapters up by name in this module, so a test can replace one here for all use cases.
"""

import time
from typing import TYPE_CHECKING

from shared.serving.adapters import audit_log as audit_log
from shared.serving.adapters import budgets as budgets
from shared.serving.adapters import callers as callers
from shared.serving.adapters import clock as clock
from shared.serving.adapters import connection_data as connection_data
from shared.serving.adapters import connections as connections
from shared.serving.adapters import credentials as credentials
from shared.serving.adapters import erasures as erasures
from shared.serving.adapters import executors as executors
from shared.serving.adapters import firestore_client as firestore_client
from shared.serving.adapters import health_figures as health_figures
from shared.serving.adapters import history_moves as history_moves
from shared.serving.adapters import inbox as inbox
from shared.serving.adapters import institutions as institutions
from shared.serving.adapters import intents as intents
from shared.serving.adapters import items as items
from shared.serving.adapters import limits as limits
from shared.serving.adapters import links as links
from shared.serving.adapters import messaging as messaging
from shared.serving.adapters import owners as owners
from shared.serving.adapters import paused as paused
from shared.serving.adapters import profiles as profiles
from shared.serving.adapters import pushes as pushes
from shared.serving.adapters import recently_paused as recently_paused
from shared.serving.adapters import refused_calls as refused_calls
from shared.serving.adapters import removals as removals
from shared.serving.adapters import seals as seals
from shared.serving.adapters import signer as signer
from shared.serving.adapters import sync_queue as sync_queue
from shared.serving.adapters import syncs as syncs
from shared.serving.adapters import tasks as tasks
from shared.serving.adapters import vault as vault
from shared.serving.health_adapters import bank_contacts as bank_contacts
from shared.serving.health_adapters import health_records as health_records
from shared.serving.health_adapters import outage_notices as outage_notices
from shared.serving.health_adapters import published_health as published_health
from shared.serving.once import once
from shared.serving.plaid_adapters import parse_webhook as parse_webhook
from shared.serving.plaid_adapters import plaid as plaid
from shared.serving.plaid_adapters import plaid_products as plaid_products
from shared.serving.plaid_adapters import webhooks as webhooks
from shared.serving.product_adapters import product_consents as product_consents
from shared.serving.product_adapters import product_syncs as product_syncs
from shared.settings import settings as settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.domain.connection import BankConnection
    from shared.domain.institution_health.outage import Outage
    from shared.usecases.apply_status_event import StatusEvents
    from shared.usecases.item_ownership import ItemOwnership
    from shared.usecases.items.reconnect_connection import ReconnectConnection
    from shared.usecases.items.refresh_item_status import ItemStatusRefresh
    from shared.usecases.linking.connection_cap import ConnectionCap
    from shared.usecases.measure_health import MeasureHealth
    from shared.usecases.report_lost_exchange import ReportLostExchange
    from shared.usecases.send_push import SendPush
    from shared.usecases.sync.refresh_transactions import TransactionsRefresh
    from shared.usecases.sync.request_sync import SyncRequests


def sleep(seconds: float) -> None:
    """Waits; for use cases that wait between retries."""
    time.sleep(seconds)


@once
def item_ownership() -> "ItemOwnership":
    """Ownership of items; the only way to remove one."""
    from shared.usecases.item_ownership import ItemOwnership

    return ItemOwnership(items=items(), connections=connections(), plaid=plaid(), clock=clock())


def report_lost_exchange() -> "ReportLostExchange":
    """Reports exchanges whose token may be lost."""
    from shared.usecases.report_lost_exchange import ReportLostExchange

    return ReportLostExchange(intents=intents(), profiles=profiles(), clock=clock())


@once
def transactions_refresh() -> "TransactionsRefresh":
    """Refreshes data at banks, within the ceilings."""
    from shared.usecases.sync.refresh_transactions import TransactionsRefresh

    return TransactionsRefresh(plaid=plaid(), budgets=budgets(), ceilings=settings().refresh_ceilings, clock=clock())


def sync_requests(outage_of: "Callable[[BankConnection], Outage | None]" = lambda _: None) -> "SyncRequests":
    """Requests syncs of transactions; `outage_of` finds the outage of the bank for a request of its user."""
    from shared.usecases.sync.request_sync import SyncRequests

    return SyncRequests(
        connections=connections(),
        syncs=syncs(),
        queue=sync_queue(),
        clock=clock(),
        manual_spacing=settings().manual_sync_spacing,
        outage_of=outage_of,
    )


@once
def connection_cap() -> "ConnectionCap":
    """Limits how many connections a user may have."""
    from shared.usecases.linking.connection_cap import ConnectionCap

    most = settings().max_connections_per_user
    return ConnectionCap(most=most, connections=connections(), links=links(), clock=clock())


def measure_health() -> "MeasureHealth":
    """Counts connections by health."""
    from shared.usecases.measure_health import MeasureHealth

    return MeasureHealth(figures=health_figures(), clock=clock())


def send_push() -> "SendPush":
    """Pushes a notification to its user's devices."""
    from shared.usecases.device_ownership import DeviceOwnership
    from shared.usecases.send_push import SendPush

    devices = DeviceOwnership(pushes=pushes(), clock=clock())
    return SendPush(pushes=pushes(), messaging=messaging(), devices=devices, clock=clock(), sleep=sleep)


@once
def status_events() -> "StatusEvents":
    """Creates the writes that belong to a status event."""
    from shared.usecases.apply_status_event import StatusEvents

    return StatusEvents(connections=connections(), profiles=profiles(), clock=clock())


@once
def item_status_refresh() -> "ItemStatusRefresh":
    """Reads an item at Plaid and commits the resulting status."""
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


def reconnect_connection() -> "ReconnectConnection":
    """Refreshes a connection after Link's update mode, also when its item is exchanged again."""
    from shared.usecases.items.reconnect_connection import ReconnectConnection

    return ReconnectConnection(connections=connections(), item_status=item_status_refresh())
