"""Requests syncs: for a user, a webhook, or an operator."""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from shared import trace
from shared.domain.connection import BankConnection, ItemStatus
from shared.domain.errors import FailedPrecondition, NotFound, ResourceExhausted, Unavailable
from shared.domain.institution_health.outage import Outage
from shared.domain.progress import SyncProgress, SyncStatus
from shared.domain.sync_state import IllegalTransition, SyncState
from shared.domain.webhook import Meaning, Webhook
from shared.log import log
from shared.ports import Clock, Connections, SyncQueue, Syncs
from shared.ports.compare_and_set import retry_on_conflict
from shared.usecases.connection_access import no_connection, owned
from shared.usecases.enqueue import enqueue

MAX_TRIES = 20  # of a compare-and-set against a run that commits a few times a second


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRequests:
    """Records that a sync is requested, and enqueues it; if a run is working already, another run follows it.

    Attributes:
        connections, syncs, queue, clock: The ports.
        manual_spacing: The minimum time between two requests of a user for one connection.
        outage_of: The outage of a connection's bank, for a request of its user; None if there is none.
    """

    connections: Connections
    syncs: Syncs
    queue: SyncQueue
    clock: Clock
    manual_spacing: timedelta
    outage_of: Callable[[BankConnection], Outage | None] = lambda _: None

    def by_user(self, connection_id: str, *, app_user_id: str, count: Callable[[], None]) -> SyncProgress:
        """Requests a sync for a user.

        Args:
            connection_id: The connection.
            app_user_id: The caller.
            count: Counts the request against the user's rate limit, once, if nothing else refuses the request.

        Returns:
            The progress after the request: `pending`, or `in_progress` if a run is working (another run will follow).
            During an outage of the bank it is `pending` with the error `INSTITUTION_DOWN`, and no run is enqueued.

        Raises:
            NotFound: The connection does not exist, or belongs to another user.
            FailedPrecondition: The connection can never work again; the user has to link the bank again.
            ResourceExhausted: The last request is less than `manual_spacing` ago, or `count` raised it.
        """
        connection = owned(self.connections.find(connection_id), app_user_id)
        _usable(connection)
        outage = self.outage_of(connection)
        counted = False

        def request(state: SyncState) -> SyncState:
            nonlocal counted
            now = self.clock.now()
            if state.last_manual_sync_at is not None and now - state.last_manual_sync_at < self.manual_spacing:
                wait = self.manual_spacing - (now - state.last_manual_sync_at)
                raise ResourceExhausted(
                    "a sync of this connection was requested a moment ago",
                    code="sync_too_soon",
                    retry_after_seconds=max(1, math.ceil(wait.total_seconds())),
                    connection_id=connection_id,
                )
            if not counted:
                count()
                counted = True
            requested = state.request(now=now, refresh=True, trace=trace.carried())
            if outage is not None:
                requested = requested.awaits_source(error=outage.error(), until=outage.next_check_at)
            return requested.model_copy(update={"last_manual_sync_at": now})

        return self._request(connection_id, request).progress()

    def by_webhook(self, webhook: Webhook, connection_id: str) -> None:
        """Requests a sync after a webhook about new data; if the connection was removed, that is only logged."""
        try:
            self.by_event(connection_id, only_if_incomplete=webhook.meaning is Meaning.SYNC_IF_INCOMPLETE)
        except NotFound:
            log.info("webhook.late", connection_id=connection_id)

    def by_event(self, connection_id: str, *, only_if_incomplete: bool = False) -> None:
        """Requests a sync after an event about new data.

        Args:
            connection_id: The connection.
            only_if_incomplete: Whether to ignore the event once the history is complete.

        Raises:
            NotFound: The connection does not exist.
        """

        def request(state: SyncState) -> SyncState:
            served = only_if_incomplete and state.history_complete
            return state if served else state.request(now=self.clock.now(), trace=trace.carried())

        self._request(connection_id, request)

    def by_product(self, connection_id: str) -> None:
        """Requests a sync that reads the accounts, because a product has data of an unknown one.

        Pages of changes name only accounts with transactions: without this, an account without any would be noticed
        with the next transaction of another one. If the connection was removed, nothing happens.
        """

        def request(state: SyncState) -> SyncState:
            return state.accounts_outdated().request(now=self.clock.now(), trace=trace.carried())

        with suppress(NotFound):
            self._request(connection_id, request)

    def by_operator(self, connection_id: str, *, refresh: bool) -> SyncProgress:
        """Requests a run for an operator, now.

        Args:
            connection_id: The connection.
            refresh: Whether the bank itself is asked first, which is slow, and may be charged by Plaid.

        Raises:
            NotFound: The connection does not exist.
            FailedPrecondition: The connection can never work again; its user has to link the bank again.
        """
        connection = self.connections.find(connection_id)
        if connection is None:
            raise no_connection()
        _usable(connection)

        def request(state: SyncState) -> SyncState:
            return state.request(now=self.clock.now(), refresh=refresh, trace=trace.carried())

        return self._request(connection_id, request).progress()

    def reconcile(self, connection_id: str, *, forgets_revocations: bool = False) -> None:
        """Requests a reconciliation for an operator: the next run reads everything again and repairs differences.

        Args:
            connection_id: The connection.
            forgets_revocations: Whether revoked accounts return, if Plaid lists them.

        Raises:
            NotFound: The connection does not exist.
            Unavailable: A run is working: try again when it has ended.
        """

        def request(state: SyncState) -> SyncState:
            try:
                listed = state.reselect_accounts() if forgets_revocations else state
                return listed.reconcile(now=self.clock.now(), trace=trace.carried())
            except IllegalTransition:
                raise Unavailable("a run is working", code="connection_busy", retry_after_seconds=30) from None

        self._request(connection_id, request)

    def _request(self, connection_id: str, change: Callable[[SyncState], SyncState]) -> SyncState:
        """The state after the request. If the request changes the state, saves and logs it, and enqueues a run."""
        attempted: tuple[SyncState, SyncState] | None = None  # before and after, of the last save

        def step() -> tuple[SyncState, bool]:
            nonlocal attempted
            loaded = self.syncs.load(connection_id)
            if loaded is None:
                raise no_connection()
            if attempted is not None and _is_written(attempted[1], before=attempted[0], found=loaded.state):
                return loaded.state, True  # only the answer was lost
            state = change(loaded.state)
            if state == loaded.state:
                return state, False
            attempted = loaded.state, state  # before the save: its answer may be lost
            self.syncs.save(state, expected=loaded.version)
            return state, True

        state, changed = retry_on_conflict(step, tries=MAX_TRIES)
        if changed:
            self._enqueue(connection_id, state)
        return state

    def _enqueue(self, connection_id: str, state: SyncState) -> None:
        serving = trace.Trace.parse(state.trace if state.status is SyncStatus.PENDING else state.next_trace)
        log.info(
            "sync.requested",
            connection_id=connection_id,
            status=state.status,
            served_in=serving.trace_id if serving else None,
        )
        if state.status is SyncStatus.PENDING and state.error is None:
            enqueue(self.queue, connection_id, name=f"{connection_id}-q{state.requested}")


def _is_written(state: SyncState, *, before: SyncState, found: SyncState) -> bool:
    """Whether the stored state contains this user's request already, as the time of the request shows.

    For events, nothing shows it: two concurrent ones produce the same state. Counting one of them twice is harmless.
    """
    return (
        state.last_manual_sync_at != before.last_manual_sync_at
        and found.last_manual_sync_at == state.last_manual_sync_at
    )


def _usable(connection: BankConnection) -> None:
    if connection.status is ItemStatus.ERROR:
        raise FailedPrecondition(
            "this connection cannot be used any more: link the bank again",
            code="relink_required",
            connection_id=connection.connection_id,
        )
