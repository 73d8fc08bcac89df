"""One world of fakes per test: a bank, a store, a queue, and helpers for common steps."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from shared.adapters.plaid.webhook_events import parse_webhook
from shared.domain.audit import Actor, AuditAction, AuditEntry
from shared.domain.connection import BankConnection
from shared.domain.errors import BankError
from shared.domain.exchange import Intent
from shared.domain.plaid_token import PlaidToken
from shared.domain.products.kinds import ProductKind
from shared.domain.region import KeyPairs, Region
from shared.domain.set_aside import key_of
from shared.domain.sync_state import SyncState
from shared.domain.transaction import Transaction
from shared.ports import TaskFunction
from shared.settings import Settings
from shared.usecases.apply_status_event import StatusEvents
from shared.usecases.enqueue import enqueue_due
from shared.usecases.item_ownership import ItemOwnership
from shared.usecases.items.handle_webhook import WebhookHandler
from shared.usecases.items.receive_webhook import ReceiveWebhook
from shared.usecases.items.reconcile_after_restore import RestoreReconciliation
from shared.usecases.items.reconnect_connection import ReconnectConnection
from shared.usecases.items.refresh_item_status import ItemStatusRefresh
from shared.usecases.items.sweep_inbox import SweepInbox
from shared.usecases.linking.connection_cap import ConnectionCap
from shared.usecases.linking.find_institution import FindInstitution
from shared.usecases.linking.follow_institution import FollowInstitution
from shared.usecases.linking.set_up_connection import SetUpConnection
from shared.usecases.products.plan_products import PlanProducts
from shared.usecases.products.request_products import ProductRequests
from shared.usecases.removal.erase_missing_owners import EraseMissingOwners
from shared.usecases.removal.erase_user import Eraser
from shared.usecases.removal.move_history import MoveHistory
from shared.usecases.removal.remove_account import RemoveAccount
from shared.usecases.removal.remove_connection import ConnectionRemover
from shared.usecases.removal.remove_item import ItemRemover
from shared.usecases.removal.sweep_history_moves import SweepHistoryMoves
from shared.usecases.removal.sweep_removals import SweepRemovals
from shared.usecases.report_lost_exchange import ReportLostExchange
from shared.usecases.sync.pause_syncs import SyncPauses
from shared.usecases.sync.record_balances import BalanceHistory
from shared.usecases.sync.refresh_transactions import TransactionsRefresh
from shared.usecases.sync.request_sync import SyncRequests
from shared.usecases.sync.run_sync import Outcome, RunSync
from shared.usecases.sync.schedule_syncs import Scheduler
from shared.usecases.tokens.call_with_token import AccessTokens
from shared.usecases.tokens.request_rotation import RotationRequests
from shared.usecases.tokens.rotate_token import TokenRotation
from shared.usecases.tokens.store_rotated_token import RotatedTokenStore
from tests.fake_budgets import FakeBudgets
from tests.fake_executors import FakeExecutors
from tests.fake_history_moves import FakeHistoryMoves
from tests.fake_product_syncs import FakeProductSyncs
from tests.fake_products import FakeProductConsents, FakeProducts
from tests.fake_removals import FakeConnectionData, FakeErasures, FakeOwners, FakeRemovals
from tests.fakes import (
    MISDIRECTED,
    Calls,
    Crash,
    FakeClock,
    FakeCredentials,
    FakeInbox,
    FakeInstitutions,
    FakeIntents,
    FakeItem,
    FakeItems,
    FakeLinks,
    FakePauses,
    FakePlaid,
    FakeProfiles,
    FakeQueue,
    FakeStore,
    FakeVault,
)

ALICE = "alice"


@dataclass
class World:
    """The fakes and use cases of one test, with helpers for recurring steps."""

    clock: FakeClock = field(default_factory=FakeClock)
    calls: Calls = field(default_factory=Calls)

    def __post_init__(self) -> None:
        self.plaid = FakePlaid(self.clock, self.calls)
        self.executors = FakeExecutors()
        self.store = FakeStore(self.calls)
        self.queue = FakeQueue(self.calls)
        self.paused = FakePauses()
        self.links = FakeLinks(self.calls)
        self.institutions = FakeInstitutions(self.calls)
        self.product_consents = FakeProductConsents(self.calls)
        self.cap = ConnectionCap(most=50, connections=self.store, links=self.links, clock=self.clock)
        self.budgets = FakeBudgets(self.calls)
        self.ceilings = Settings(project="demo-bank").refresh_ceilings
        self.vault = FakeVault()
        self.profiles = FakeProfiles()
        self.status_events = StatusEvents(connections=self.store, profiles=self.profiles, clock=self.clock)
        self.inbox = FakeInbox(self.store)
        self.credentials = FakeCredentials(self.store)
        self.check = ItemStatusRefresh(
            connections=self.store,
            credentials=self.credentials,
            syncs=self.store,
            plaid=self.plaid,
            vault=self.vault,
            queue=self.queue,
            tasks=self.queue,
            status_events=self.status_events,
        )
        self.kinds: frozenset[ProductKind] = frozenset()
        self.key_pairs = KeyPairs()
        self.products = FakeProductSyncs(self.store)
        self.plaid_products = FakeProducts(self.plaid)
        self.removals = FakeRemovals(self.store)
        self.erasures = FakeErasures(self.store)
        self.owners = FakeOwners()
        self.moves = FakeHistoryMoves(self.store)
        connection_data = FakeConnectionData(self.store)
        self.ownership = ItemOwnership(
            items=FakeItems(self.store), connections=self.store, plaid=self.plaid, clock=self.clock
        )
        self.remover = ItemRemover(
            removals=self.removals,
            connection_data=connection_data,
            erasures=self.erasures,
            tasks=self.queue,
            ownership=self.ownership,
            vault=self.vault,
            clock=self.clock,
        )
        self.intents = FakeIntents(self.store)
        self.eraser = Eraser(
            connections=self.store,
            intents=self.intents,
            removals=self.removals,
            connection_remover=self.connection_remover,
            connection_data=connection_data,
            erasures=self.erasures,
            profiles=self.profiles,
            report_lost=ReportLostExchange(intents=self.intents, profiles=self.profiles, clock=self.clock),
            tasks=self.queue,
            clock=self.clock,
        )
        self.erase_missing_owners = EraseMissingOwners(owners=self.owners, eraser=self.eraser)
        self.rotations = RotationRequests(
            connections=self.store, credentials=self.credentials, tasks=self.queue, clock=self.clock
        )
        self.rotation = TokenRotation(
            credentials=self.credentials,
            syncs=self.store,
            plaid=self.plaid,
            ownership=self.ownership,
            vault=self.vault,
            rotated_tokens=RotatedTokenStore(
                credentials=self.credentials,
                ownership=self.ownership,
                vault=self.vault,
                clock=self.clock,
                sleep=lambda seconds: self.clock.move(timedelta(seconds=seconds)),
            ),
            status_events=self.status_events,
            clock=self.clock,
        )
        self._deliveries = itertools.count()
        self._runs = 0

    # The use cases below are built on access, from the world's current parts: tests replace some of them.

    @property
    def sync_requests(self) -> SyncRequests:
        """Manual sync requests, without a minimum interval between them."""
        return SyncRequests(
            connections=self.store,
            syncs=self.store,
            queue=self.queue,
            clock=self.clock,
            manual_spacing=timedelta(0),
        )

    @property
    def pauses(self) -> SyncPauses:
        """Pauses that operators set."""
        return SyncPauses(paused=self.paused, clock=self.clock)

    @property
    def receive_webhook(self) -> ReceiveWebhook:
        """Receives verified webhooks."""
        return ReceiveWebhook(
            parse=parse_webhook,
            inbox=self.inbox,
            connections=self.store,
            sync_requests=self.sync_requests,
            product_requests=self.product_requests,
            tasks=self.queue,
            clock=self.clock,
            environment="sandbox",
            receive_link_webhook=lambda _: None,
        )

    @property
    def webhook_handler(self) -> WebhookHandler:
        """Handles the webhooks in the inbox."""
        return WebhookHandler(
            parse=parse_webhook,
            inbox=self.inbox,
            item_status=self.check,
            remove_account=self.remove_account,
            sync_requests=self.sync_requests,
            product_requests=self.product_requests,
            clock=self.clock,
        )

    @property
    def sweep_inbox(self) -> SweepInbox:
        """Enqueues unhandled webhooks again."""
        return SweepInbox(inbox=self.inbox, tasks=self.queue, clock=self.clock)

    @property
    def reconnect_connection(self) -> ReconnectConnection:
        """Refreshes a connection after Link's update mode."""
        return ReconnectConnection(connections=self.store, item_status=self.check)

    @property
    def restore_reconciliation(self) -> RestoreReconciliation:
        """Reconciles connections with Plaid after a restore."""
        return RestoreReconciliation(
            connections=self.store,
            syncs=self.store,
            plaid=self.plaid,
            access_tokens=AccessTokens(credentials=self.credentials, vault=self.vault),
            item_status=self.check,
            sync_requests=self.sync_requests,
            connection_remover=self.connection_remover,
            status_events=self.status_events,
            clock=self.clock,
        )

    @property
    def connection_remover(self) -> ConnectionRemover:
        """Removes connections."""
        return ConnectionRemover(connections=self.store, removals=self.removals, tasks=self.queue, clock=self.clock)

    @property
    def move_history(self) -> MoveHistory:
        """Moves the notes of replaced connections."""
        return MoveHistory(
            moves=self.moves,
            connections=self.store,
            syncs=self.store,
            products=self.products,
            connection_remover=self.connection_remover,
            profiles=self.profiles,
            tasks=self.queue,
            clock=self.clock,
        )

    @property
    def balance_history(self) -> BalanceHistory:
        """Stores the history of balances."""
        return BalanceHistory(connections=self.store, syncs=self.store, clock=self.clock)

    @property
    def remove_account(self) -> RemoveAccount:
        """Removes single accounts."""
        return RemoveAccount(
            connections=self.store,
            syncs=self.store,
            products=self.products,
            status_events=self.status_events,
            clock=self.clock,
        )

    @property
    def plan_products(self) -> PlanProducts:
        """Plans the products of connections; none unless a test turns some on."""
        return PlanProducts(
            kinds=self.kinds,
            connections=self.store,
            institutions=self.institutions,
            syncs=self.store,
            products=self.products,
            tasks=self.queue,
            clock=self.clock,
        )

    @property
    def product_requests(self) -> ProductRequests:
        """Requests product syncs."""
        return ProductRequests(kinds=self.kinds, products=self.products, tasks=self.queue, clock=self.clock)

    def connected(
        self,
        name: str = "1",
        *rows: Transaction,
        owner: str = ALICE,
        institution_id: str = "ins_1",
        region: Region | None = None,
    ) -> FakeItem:
        """A connected item at the bank whose first sync is pending."""
        region = region or self.plaid.region
        item = self.plaid.new_item(name, institution_id=institution_id, region=region)
        item.add(*rows)
        now = self.clock.now()
        connection = BankConnection(
            connection_id=name,
            app_user_id=owner,
            institution_id=item.institution_id,
            item_id=item.item_id,
            region=region,
            created_at=now,
            updated_at=now,
        )
        intent = Intent(f"intent-{name}", owner, name, now, "")
        _, version, _ = self.intents.begin(intent)
        self.store.create(
            connection,
            token=self.vault.seal(PlaidToken(f"token-{name}", region), app_user_id=owner, connection_id=name),
            accounts=[],
            state=SyncState.new(connection_id=name, app_user_id=owner, now=now, source=item.institution_id),
            settles=(intent.connected({"connection_id": name}), version),
            audit=AuditEntry(
                app_user_id=owner,
                connection_id=name,
                action=AuditAction.CONNECTION_CREATED,
                actor=Actor.USER,
                at=now,
            ),
            guards=self.store.guards(owner, institution_id=item.institution_id),
        )
        return item

    def sync(self, name: str = "1", *, task: str | None = None) -> Outcome:
        """One delivery of a sync task."""
        number = next(self._deliveries)
        sync = RunSync(
            connections=self.store,
            credentials=self.credentials,
            syncs=self.store,
            paused=self.paused,
            plaid=self.plaid,
            refresh=TransactionsRefresh(
                plaid=self.plaid, budgets=self.budgets, ceilings=self.ceilings, clock=self.clock
            ),
            vault=self.vault,
            queue=self.queue,
            tasks=self.queue,
            status_events=self.status_events,
            clock=self.clock,
            executors=self.executors,
            sleep=lambda seconds: self.clock.move(timedelta(seconds=seconds)),
            plan_products=self.plan_products.after_sync,
        )
        self._runs += 1
        try:
            return sync(name, delivery=f"{task or number}#{number}")
        finally:
            self._runs -= 1
            if not self._runs:  # deliveries do not nest
                _wait_for_pages_on_their_way()

    def tick(self, *, at_once: int = 1) -> int:
        """One scheduler run."""
        SweepRemovals(removals=self.removals, erasures=self.erasures, tasks=self.queue, clock=self.clock)()
        SweepHistoryMoves(moves=self.moves, tasks=self.queue, clock=self.clock)()
        scheduler = Scheduler(
            syncs=self.store,
            paused=self.paused,
            enqueue=partial(enqueue_due, self.queue),
            clock=self.clock,
            executors=self.executors,
            at_once=at_once,
        )
        return scheduler.run()

    def welcome(
        self, institutions: FakeInstitutions, *, name: str = "1", webhook_url: str | None = "https://us.example/"
    ) -> None:
        """Set up a new connection, as the trigger, a sync and the daily task do."""
        set_up = SetUpConnection(
            webhook_url=webhook_url,
            connections=self.store,
            syncs=self.store,
            plaid=self.plaid,
            access_tokens=AccessTokens(credentials=self.credentials, vault=self.vault),
            find_institution=FindInstitution(
                country_codes=("US",),
                key_pairs=self.key_pairs,
                institutions=institutions,
                plaid=self.plaid,
                clock=self.clock,
                sleep=lambda seconds: self.clock.move(timedelta(seconds=seconds)),
            ),
            follow_institution=FollowInstitution(syncs=self.store, clock=self.clock),
            clock=self.clock,
        )
        set_up(name)

    def remove(self, name: str = "1", *, owner: str = ALICE) -> None:
        """Remove a connection as a user does; the queue completes the removal."""
        self.connection_remover.by_user(name, app_user_id=owner)

    def clean_up(self, *, turns: int = 60) -> None:
        """Run queue and scheduler until no removal or erasure is left."""
        for _ in range(turns):
            while self.queue.others:
                function, payload = self.queue.others.pop(0)
                if function == TaskFunction.REMOVE_ITEM:
                    self.deliver(partial(self.remover.resume, payload["connection_id"]))
                if function == TaskFunction.MOVE_HISTORY:
                    self.deliver(partial(self.move_history.resume, payload["connection_id"]))
                if function == TaskFunction.ERASE_DATA:
                    self.deliver(partial(self.eraser.resume, payload["app_user_id"]))
            if not self.store.tombstones and not self.erasures.kept:
                return
            self.clock.move(timedelta(minutes=15))
            self.tick()
        raise AssertionError("it was never removed")

    def deliver(self, task: Callable[[], None], *, attempts: int = 5) -> None:
        """Deliver a task as the queue does: with a few retries, seconds apart, while it fails."""
        for _ in range(attempts):
            try:
                task()
            except BankError:
                self.clock.move(timedelta(seconds=10))
            else:
                return

    def left_of(self, name: str = "1") -> list[str]:
        """All remaining documents of a connection, except its audit log."""
        store = self.store
        by_name: dict[str, Mapping[Any, Any]] = {
            "connection": store.connections,
            "state": store.states,
            "token": store.tokens,
            "accounts": store.account_rows,
            "balances": store.balance_rows,
            "handover": store.handovers,
            "rows set aside": store.aside,
            "tombstone": store.tombstones,
            "ended runs": store.ended_runs,
            "move": store.moves,
            "product states": {one.state.connection_id: one for one in store.products.values()},
            "products": {view.connection_id: view for view in store.product_views.values()},
            "product rows": {connection_id: rows for (connection_id, _), rows in store.product_rows.items() if rows},
        }
        found = [kind for kind, documents in by_name.items() if name in documents]
        found += [f"row {i}" for i in store.rows.get(name, {})]
        found += [f"archived row {i}" for i in store.archives.get(name, {})]
        found += [f"notification {t.kind}" for t in store.notifications.values() if t.connection_id == name]
        found += [f"delivery {d.delivery_id}" for d in store.deliveries.values() if d.connection_id == name]
        found += [
            f"intent {i.intent_id}" for i, _ in store.intents.values() if (i.answer or {}).get("connection_id") == name
        ]
        return found

    def audited(self, owner: str = ALICE) -> list[str]:
        """The actions in the audit log, in order."""
        return [str(entry.action) for entry in self.store.audit.get(owner, [])]

    def settle(self, *, turns: int = 60) -> None:
        """Run queue and scheduler until no work is left."""
        for _ in range(turns):
            while self.queue.tasks:
                name, connection_id = self.queue.tasks.pop(0)
                for _ in range(8):
                    if self.sync(connection_id, task=name) is Outcome.DONE:
                        break
                    self.clock.move(timedelta(seconds=10))
            if all(s.state.status == "completed" and not s.state.wanted for s in self.store.states.values()):
                return
            self.clock.move(timedelta(minutes=15))
            self.tick()
        raise AssertionError("it never settled")

    def state(self, name: str = "1") -> SyncState:
        return self.store.states[name].state

    def rows(self, name: str = "1") -> dict[str, dict[str, Any]]:
        """The rows as clients see them."""
        return {i: {k: v for k, v in r.items() if k not in ("user", "run")} for i, r in self.store.rows[name].items()}

    def equals_truth(self, name: str = "1") -> bool:
        """Whether the store equals the bank; of a row that cannot be stored, an older version is accepted."""
        item = self.plaid.by_id(f"item-{name}")
        spoiled = item.spoiled()
        on_record = {row.key for row in self.store.set_aside(name)}
        there = {i: fields for i, fields in self.rows(name).items() if i not in spoiled}
        return there == item.truth() and on_record == {key_of(i) for i in spoiled}


def _wait_for_pages_on_their_way() -> None:
    """Wait for prefetched pages: a run ends without them, but tests inspect the state after it."""
    for thread in threading.enumerate():
        if thread.name.startswith("fetch") and thread is not threading.current_thread():
            thread.join(timeout=10)


@pytest.fixture(autouse=True)
def no_token_reaches_the_other_regions_keys() -> Iterator[None]:
    """Canary over all tests of use cases: a token is only sent with the keys of its own region."""
    MISDIRECTED.clear()
    yield
    assert not MISDIRECTED


@pytest.fixture
def world() -> World:
    return World()


__all__ = ["ALICE", "Crash", "World"]
