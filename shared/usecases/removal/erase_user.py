"""Somebody's bank data goes, all of it: asked for by themselves, or because they are gone.

    erasure stored -> every connection and every unfinished exchange becomes a removal -> the rest goes -> over

From the first commit on it is certain: whatever breaks off, the schedule finds. What was made after the erasure was
asked for stays: its user has linked again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from shared import trace
from shared.domain.audit import Actor
from shared.domain.erasure import Erasure
from shared.domain.errors import Conflict, Unavailable
from shared.domain.exchange import Intent
from shared.domain.removal import Removal, RemovalReason
from shared.log import log
from shared.ports import Clock, ConnectionData, Connections, Erasures, Intents, Owners, Removals, Tasks, Version
from shared.usecases.enqueue import enqueue_erasure, enqueue_removal
from shared.usecases.mark_duplicates import settle_duplicates
from shared.usecases.removal.remove_connection import begin_removal

MAX_TRIES = 20  # of a compare-and-set against other audit entries of the user
AT_ONCE = 100  # connections that go before the caller is answered; nobody has more, and the queue takes the rest
MANY_OWNERS = 10
MOST_GONE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Eraser:
    """Erases users' bank data.

    Of more than MANY_OWNERS it is not believed that more than `most_gone` of them are gone: another project's Auth was
    asked, most likely.
    """

    connections: Connections
    intents: Intents
    removals: Removals
    connection_data: ConnectionData
    erasures: Erasures
    owners: Owners
    tasks: Tasks
    clock: Clock
    most_gone: float = MOST_GONE

    def begin(self, app_user_id: str, *, reason: RemovalReason, before: datetime | None = None) -> None:
        """Stores the erasure, takes the connections away, and leaves the rest to the queue.

        Of a user who has no bank data nothing is stored, neither an erasure nor an audit entry.

        Args:
            app_user_id: Whose.
            reason: ERASURE or OWNER_GONE.
            before: What was there at this moment goes; now, if not given.

        Raises:
            Unavailable: It could not be stored: nothing has begun.
        """
        before = before or self.clock.now()
        if not self._has_bank_data(app_user_id):
            # Link sessions and notifications at most, which need no record of their removal.
            self.connection_data.purge_user(app_user_id, before=before)
            log.info("erasure.nothing_to_erase", reason=reason)
            return
        erasure = self._stored(app_user_id, reason=reason, before=before)
        log.info("erasure.started", reason=reason)
        try:
            self._end_exchanges(erasure)
            self._remove_connections(erasure, most=AT_ONCE)
        except (Conflict, Unavailable):
            log.warning("erasure.postponed")  # it is certain already
        enqueue_erasure(self.tasks, app_user_id, turn=_turn(erasure))

    def owner_deleted(self, app_user_id: str, *, at: datetime) -> None:
        """A user's document was deleted; nothing is kept on record of users who never had to do with a bank.

        Raises:
            Unavailable: Nothing has begun.
        """
        self.begin(app_user_id, reason=RemovalReason.OWNER_GONE, before=min(at, self.clock.now()))

    def gone(self, app_user_ids: Iterable[str]) -> None:
        """Erases those of these users whom Firebase Auth does not know any more. While it does not answer, nobody.

        Raises:
            Unavailable: The store did not answer: ask again.
        """
        asked = sorted(set(app_user_ids))
        try:
            gone = self.owners.gone(asked) if asked else set()
        except Unavailable:
            log.warning("owners.unknown", asked=len(asked))  # the next day asks again
            return
        if len(asked) > MANY_OWNERS and len(gone) > len(asked) * self.most_gone:
            log.error("owners.implausible", asked=len(asked), gone=len(gone))
            return
        failed: list[Unavailable] = []
        for app_user_id in sorted(gone):
            try:
                self.begin(app_user_id, reason=RemovalReason.OWNER_GONE)
            except Unavailable as error:  # one user's trouble must not keep the others' data
                failed.append(error)
        if failed:
            raise failed[0]

    def __call__(self, app_user_id: str) -> None:
        """Goes on with an erasure, wherever it broke off; ends it if nothing is left.

        Raises:
            Unavailable: The store did not answer, or somebody else is at it: deliver again.
        """
        for _ in range(MAX_TRIES):
            found = self.erasures.find(app_user_id)
            if found is None:
                return
            try:
                self._go_on(*found)
            except Conflict:
                continue
            return
        raise _busy()

    def _go_on(self, erasure: Erasure, version: Version) -> None:
        app_user_id = erasure.app_user_id
        self._end_exchanges(erasure)
        self._remove_connections(erasure)
        self.connection_data.purge_user(app_user_id, before=erasure.before)
        if not settle_duplicates(app_user_id, connections=self.connections):  # of connections that were made since
            raise Conflict
        now = self.clock.now()
        if self._old_connections(erasure) or self.removals.of_user(app_user_id):
            self.erasures.update(erasure.postponed(now=now), expected=version)
            return
        self.erasures.finish(erasure, expected=version, audit=erasure.finished(now=now))
        log.info("erasure.done", reason=erasure.reason)

    def _has_bank_data(self, app_user_id: str) -> bool:
        """Whether there is anything that an erasure must follow up: also one that is under way already."""
        has = (self.connections.owned_by, self.intents.of_user, self.removals.of_user, self.erasures.find)
        return any(find(app_user_id) for find in has)

    def _stored(self, app_user_id: str, *, reason: RemovalReason, before: datetime) -> Erasure:
        now = self.clock.now()
        erasure = Erasure.of(app_user_id, reason=reason, before=before, now=now, trace=trace.carried())
        for _ in range(MAX_TRIES):
            try:
                return self.erasures.begin(erasure, audit=erasure.started(now=now))
            except Conflict:
                continue
        raise _busy()

    def _old_connections(self, erasure: Erasure) -> list[str]:
        owned = self.connections.owned_by(erasure.app_user_id)
        return [c.connection_id for c in owned if c.created_at <= erasure.before]

    def _remove_connections(self, erasure: Erasure, *, most: int | None = None) -> None:
        owned = self.connections.owned_by(erasure.app_user_id)
        for connection in [c for c in owned if c.created_at <= erasure.before][:most]:
            begin_removal(
                connection,
                reason=erasure.reason,
                by=erasure.by,
                connections=self.connections,
                removals=self.removals,
                tasks=self.tasks,
                clock=self.clock,
            )

    def _end_exchanges(self, erasure: Erasure) -> None:
        """Nobody goes on with them: one that is at work finds that its intent is gone, and undoes what it did."""
        for intent, version in self.intents.of_user(erasure.app_user_id):
            if intent.created_at <= erasure.before:
                self._end_exchange(intent, version, trace=erasure.trace)

    def _end_exchange(self, intent: Intent, version: Version, *, trace: str | None) -> None:
        """Deletes the intent; the token that it holds goes into a tombstone.

        Raises:
            Conflict: Somebody is at work with it: look again.
        """
        if intent.access_token is None:
            self.intents.forget(intent.intent_id, expected=version)
            return
        removal = Removal.of_exchange(intent, now=self.clock.now(), trace=trace)
        self.removals.begin_exchange(removal, (intent, version), audit=removal.started(by=Actor.BACKEND))
        enqueue_removal(self.tasks, removal)


def _turn(erasure: Erasure) -> str:
    return str(int(erasure.due_at.timestamp() * 1000))


def _busy() -> Unavailable:
    return Unavailable("the erasure is busy", code="erasure_busy", retry_after_seconds=5)
