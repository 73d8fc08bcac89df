"""Somebody wants access tokens replaced: an operator, or the operator's rule that none may grow old."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import islice, takewhile

from shared.domain.audit import Actor
from shared.domain.credentials import StoredAccessToken
from shared.domain.errors import BankError, Conflict, Unavailable
from shared.log import log
from shared.ports import Clock, Connections, Credentials, TaskFunction, Tasks, Version
from shared.usecases.connection_access import no_connection
from shared.usecases.due_pages import due_pages

MAX_TRIES = 5
PAGE = 300
MAX_PAGES = 100
A_DAYS = 5000  # at most so many in one call of the daily round, and for so long: the next day sees to the rest
TIME = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationRequests:
    """Notes that a token is to be replaced, and enqueues what does it."""

    credentials: Credentials
    tasks: Tasks
    clock: Clock

    def ask(self, connection_id: str, *, by: Actor) -> bool:
        """Wants a connection's token replaced, now. One that is wanted as soon already stays so.

        Returns:
            Whether it was not wanted before.

        Raises:
            NotFound: No such connection.
            Unavailable: The store did not answer, or the connection is busy.
        """
        for _ in range(MAX_TRIES):
            found = self.credentials.load(connection_id)
            if found is None:
                raise no_connection()
            kept, version = found
            wanted = kept.wanted(by=by, now=self.clock.now())
            if wanted == kept:
                return False
            try:
                self.credentials.save(wanted, expected=version)
            except Conflict:
                continue
            self._enqueue(connection_id)
            return True
        raise Unavailable("the connection is busy", code="connection_busy", retry_after_seconds=1)

    def ask_user(self, app_user_id: str, *, by: Actor) -> int:
        """Wants all tokens of a user replaced. Returns how many were not wanted before."""
        return sum(self._ask_quietly(kept, by=by) for kept in self.credentials.of_user(app_user_id))

    def ask_institution(self, institution_id: str, *, by: Actor, connections: Connections) -> int:
        """Wants all tokens of an institution replaced. Returns how many were not wanted before."""
        found = (self.credentials.load(i) for i in connections.at_institution(institution_id))
        return sum(self._ask_quietly(one[0], by=by) for one in found if one is not None)

    def ask_aged(self, age: timedelta | None, *, by: Actor = Actor.BACKEND, limit: int | None = A_DAYS) -> int:
        """Wants the tokens replaced that are older, the oldest first; none without an age.

        Args:
            age: The time since Plaid handed them out.
            by: Who wants it.
            limit: Of how many at most, within a minute, those that are wanted already left out; None: of all, however
                long it takes.

        Returns:
            How many were not wanted before.
        """
        if age is None:
            return 0
        began = self.clock.now()
        old = self.credentials.issued_before(began - age)
        # Tokens that cannot be replaced stay the oldest: they must not use up each day's share of the others.
        aged = islice((kept for kept in old if limit is None or kept.wanted_by is None), limit)
        in_time = takewhile(lambda _: limit is None or self.clock.now() - began < TIME, aged)
        asked = sum(self._ask_quietly(kept, by=by) for kept in in_time)
        log.info("rotation.aged", asked=asked)
        return asked

    def sweep(self) -> int:
        """Enqueues what is due: what was broken off or put off, and whose task was lost. Returns how many."""
        enqueued, now = 0, self.clock.now()

        def due(limit: int) -> list[tuple[StoredAccessToken, Version]]:
            return self.credentials.due(now, limit=limit)

        for page in due_pages(due, lambda one: one[0].connection_id, size=PAGE, max_pages=MAX_PAGES):
            for kept, version in page:
                try:
                    self.credentials.save(kept.requeued(now=now), expected=version)
                except Conflict:
                    continue  # its task is processing it
                enqueued += self._enqueue(kept.connection_id)
        return enqueued

    def _ask_quietly(self, kept: StoredAccessToken, *, by: Actor) -> bool:
        """One connection's trouble must not stop all others."""
        try:
            return self.ask(kept.connection_id, by=by)
        except BankError as error:
            log.warning("rotation.not_asked", connection_id=kept.connection_id, code=error.code)
            return False

    def _enqueue(self, connection_id: str) -> bool:
        """A task that the queue did not take is the schedule's to find."""
        name = f"{connection_id}-{int(self.clock.now().timestamp() * 1000)}"
        try:
            self.tasks.add(TaskFunction.ROTATE_TOKEN, {"connection_id": connection_id}, name=name)
        except Unavailable:
            log.error("queue.not_taken", connection_id=connection_id)
            return False
        return True
