"""Erases all bank data of a user: at the request of the user or an operator, or because the user was deleted.

    erasure stored -> every connection and every unfinished exchange becomes a removal -> the rest is deleted -> done

Once the first commit is stored, the erasure will complete: the scheduler resumes it wherever it was interrupted. Data
that was created after the request stays, because the user has linked again.
"""

from dataclasses import dataclass
from datetime import datetime

from shared import trace
from shared.domain.audit import Actor
from shared.domain.connection import BankConnection
from shared.domain.erasure import Erasure
from shared.domain.errors import Conflict, Unavailable
from shared.domain.exchange import Intent
from shared.domain.removal import Removal, RemovalReason
from shared.log import log
from shared.ports import (
    Clock,
    ConnectionData,
    Connections,
    Erasures,
    Intents,
    Profiles,
    Removals,
    Tasks,
    Version,
)
from shared.ports.compare_and_set import retry_on_conflict
from shared.usecases.enqueue import enqueue_erasure, enqueue_removal
from shared.usecases.mark_duplicates import settle_duplicates
from shared.usecases.removal.remove_connection import ConnectionRemover
from shared.usecases.report_lost_exchange import ReportLostExchange

MAX_TRIES = 20  # of a compare-and-set against other audit entries of the user
REMOVED_AT_ONCE = 100  # connections that are removed before the caller is answered; no user has more


@dataclass(frozen=True, slots=True, kw_only=True)
class Eraser:
    """Erases users' bank data."""

    connections: Connections
    intents: Intents
    removals: Removals
    connection_remover: ConnectionRemover
    connection_data: ConnectionData
    erasures: Erasures
    profiles: Profiles
    report_lost: ReportLostExchange
    tasks: Tasks
    clock: Clock

    def begin(self, app_user_id: str, *, reason: RemovalReason, before: datetime | None = None) -> None:
        """Stores the erasure, removes the connections, and enqueues the rest.

        For a user without bank data, neither an erasure nor an audit entry is stored.

        Args:
            app_user_id: The user.
            reason: ERASURE, OPERATOR or OWNER_GONE.
            before: Data that existed at this moment is erased; defaults to now.

        Raises:
            Unavailable: The erasure could not be stored, and has not begun.
        """
        before = before or self.clock.now()
        if not self._has_bank_data(app_user_id):
            # At most Link sessions and notifications exist, whose deletion needs no record.
            self.connection_data.purge_user(app_user_id, before=before)
            log.info("erasure.nothing_to_erase", reason=reason)
            return
        erasure = self._store(app_user_id, reason=reason, before=before)
        log.info("erasure.started", reason=reason)
        try:
            self._end_exchanges(erasure)
            self._remove_connections(erasure, limit=REMOVED_AT_ONCE)
        except (Conflict, Unavailable):
            log.warning("erasure.postponed")  # it is stored, so it will complete
        enqueue_erasure(self.tasks, app_user_id, turn=due_step(erasure))

    def user_deleted(self, app_user_id: str, *, at: datetime) -> None:
        """Erases a deleted user's data, after checking in the store that the user's document does not exist.

        An event only tells that the document was deleted once: it may be late, forged by a caller that may deliver
        events, or about a document that an app created again. An erasure cannot be undone, so the document is read
        first.

        Args:
            app_user_id: The user whose document the event names.
            at: The time of the deletion.

        Raises:
            Unavailable: The store did not answer, and nothing has begun. The daily check finds users deleted in Auth.
        """
        if self.profiles.exists(app_user_id):
            log.warning("owner.exists", app_user_id=app_user_id)
            return
        self.begin(app_user_id, reason=RemovalReason.OWNER_GONE, before=min(at, self.clock.now()))

    def resume(self, app_user_id: str) -> None:
        """Resumes an erasure, wherever it was interrupted; completes it if nothing is left.

        Raises:
            Unavailable: The store did not answer, or another caller is processing the erasure: deliver again.
        """
        retry_on_conflict(lambda: self._advance(app_user_id), tries=MAX_TRIES, busy=_busy())

    def _advance(self, app_user_id: str) -> None:
        found = self.erasures.find(app_user_id)
        if found is None:
            return
        erasure, version = found
        self._end_exchanges(erasure)
        self._remove_connections(erasure)
        self.connection_data.purge_user(app_user_id, before=erasure.before)
        if not settle_duplicates(app_user_id, connections=self.connections):  # of connections created since
            raise Conflict
        now = self.clock.now()
        if self._old_connections(erasure) or self._old_exchanges(erasure) or self.removals.of_user(app_user_id):
            self.erasures.update(erasure.postponed(now=now), expected=version)
            return
        self.erasures.finish(erasure, expected=version, audit=erasure.finished(now=now))
        log.info("erasure.done", reason=erasure.reason)

    def _has_bank_data(self, app_user_id: str) -> bool:
        """Whether the user has data that needs an erasure, or an erasure is in progress already."""
        has = (self.connections.owned_by, self.intents.of_user, self.removals.of_user, self.erasures.find)
        return any(find(app_user_id) for find in has)

    def _store(self, app_user_id: str, *, reason: RemovalReason, before: datetime) -> Erasure:
        now = self.clock.now()
        erasure = Erasure.of(app_user_id, reason=reason, before=before, now=now, trace=trace.carried())
        return retry_on_conflict(
            lambda: self.erasures.begin(erasure, audit=erasure.started(now=now)), tries=MAX_TRIES, busy=_busy()
        )

    def _old_connections(self, erasure: Erasure) -> list[BankConnection]:
        return [c for c in self.connections.owned_by(erasure.app_user_id) if c.created_at <= erasure.before]

    def _remove_connections(self, erasure: Erasure, *, limit: int | None = None) -> None:
        for connection in self._old_connections(erasure)[:limit]:
            self.connection_remover.begin(connection, reason=erasure.reason, by=erasure.by)

    def _end_exchanges(self, erasure: Erasure) -> None:
        """Ends unfinished exchanges. A call that is still in progress cannot store its token, and rolls back."""
        for intent, version in self._old_exchanges(erasure):
            self._end_exchange(intent, version, trace=erasure.trace)

    def _old_exchanges(self, erasure: Erasure) -> list[tuple[Intent, Version]]:
        return [found for found in self.intents.of_user(erasure.app_user_id) if found[0].created_at <= erasure.before]

    def _end_exchange(self, intent: Intent, version: Version, *, trace: str | None) -> None:
        """Moves the intent's token, if any, into a tombstone; deletes the intent, unless its call may be working.

        Raises:
            Conflict: Another call is processing the exchange: try again.
        """
        if intent.access_token is None:
            self._end_exchange_without_token(intent, version)
            return
        removal = Removal.of_exchange(intent, now=self.clock.now(), trace=trace)
        self.removals.begin_exchange(removal, (intent, version), audit=removal.started(by=Actor.BACKEND))
        enqueue_removal(self.tasks, removal)

    def _end_exchange_without_token(self, intent: Intent, version: Version) -> None:
        """Deletes the intent. One without a result is reported first, as its token may be lost if its call has died."""
        if intent.answer is None or intent.is_erased:
            if intent.may_be_running(self.clock.now()):
                if not intent.is_erased:
                    self.intents.update(intent.erased(), expected=version)
                return
            version = self.report_lost(intent.erased(), version)
        self.intents.forget(intent.intent_id, expected=version)


def due_step(erasure: Erasure) -> str:
    """The name of the next due step of an erasure, as a part of its task's name."""
    return str(int(erasure.due_at.timestamp() * 1000))


def _busy() -> Unavailable:
    return Unavailable("the erasure is busy", code="erasure_busy", retry_after_seconds=5)
