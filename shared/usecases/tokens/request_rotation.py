"""Requests rotations of access tokens: for an operator, or by the setting that limits their age."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice, takewhile

from shared.domain.audit import Actor
from shared.domain.credentials import StoredAccessToken
from shared.domain.errors import BankError, Conflict, Unavailable
from shared.domain.region import Region
from shared.log import log
from shared.ports import Clock, Connections, Credentials, TaskFunction, Tasks, Version
from shared.ports.compare_and_set import retry_on_conflict
from shared.usecases.connection_access import no_connection
from shared.usecases.due_pages import due_pages

PAGE = 300
MAX_PAGES = 100
DAILY_LIMIT = 5000  # the maximum of tokens in one daily check, which takes at most DAILY_TIME; the next day continues
DAILY_TIME = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationRequests:
    """Records that a token must be rotated, and enqueues the task."""

    connections: Connections
    credentials: Credentials
    tasks: Tasks
    clock: Clock

    def request(self, connection_id: str, *, by: Actor) -> bool:
        """Requests a new token for a connection, now. An earlier request that is due as soon stays unchanged.

        Returns:
            Whether the request is new.

        Raises:
            NotFound: The connection does not exist.
            Unavailable: The store did not answer, or the connection is busy.
        """

        def step() -> bool:
            found = self.credentials.load(connection_id)
            if found is None:
                raise no_connection()
            stored, version = found
            wanted = stored.wanted(by=by, now=self.clock.now())
            if wanted == stored:
                return False
            self.credentials.save(wanted, expected=version)
            return True

        is_new = retry_on_conflict(step)
        if is_new:
            self._enqueue(connection_id)
        return is_new

    def request_all_of_user(self, app_user_id: str, *, by: Actor) -> int:
        """Requests new tokens for all connections of a user. Returns how many requests are new."""
        return self._request_each(self.credentials.of_user(app_user_id), by=by)

    def request_all_at_institution(self, institution_id: str, *, by: Actor) -> int:
        """Requests new tokens for all connections to an institution. Returns how many requests are new."""
        found = (self.credentials.load(i) for i in self.connections.at_institution(institution_id))
        return self._request_each((one[0] for one in found if one is not None), by=by)

    def request_all_of_region(self, region: Region, *, by: Actor) -> int:
        """Requests new tokens for all connections of a key pair, such as after its secret leaked.

        Returns:
            How many requests are new.
        """
        every = self.credentials.issued_before(self.clock.now())
        return self._request_each((stored for stored in every if stored.token.region is region), by=by)

    def request_all_older_than(
        self, age: timedelta | None, *, by: Actor = Actor.BACKEND, limit: int | None = DAILY_LIMIT
    ) -> int:
        """Requests new tokens for tokens older than `age`, oldest first; for none if `age` is None.

        Args:
            age: The maximum time since Plaid issued a token.
            by: Who requests the rotations.
            limit: The maximum number of new requests, made within a minute; None: for all tokens, however long that
                takes.

        Returns:
            How many requests are new.
        """
        if age is None:
            return 0
        began = self.clock.now()
        old = self.credentials.issued_before(began - age)
        # Tokens that cannot be rotated stay the oldest: they must not exhaust the limit every day.
        limited = islice((stored for stored in old if limit is None or stored.wanted_by is None), limit)
        in_time = takewhile(lambda _: limit is None or self.clock.now() - began < DAILY_TIME, limited)
        requested = self._request_each(in_time, by=by)
        log.info("rotation.aged", asked=requested)
        return requested

    def sweep(self) -> int:
        """Enqueues rotations that are due: interrupted, deferred, or with a lost task. Returns how many."""
        enqueued, now = 0, self.clock.now()

        def due(limit: int) -> list[tuple[StoredAccessToken, Version]]:
            return self.credentials.due(now, limit=limit)

        for page in due_pages(due, lambda one: one[0].connection_id, size=PAGE, max_pages=MAX_PAGES):
            for stored, version in page:
                try:
                    self.credentials.save(stored.requeued(now=now), expected=version)
                except Conflict:
                    continue  # its task is processing it
                enqueued += self._enqueue(stored.connection_id)
        return enqueued

    def _request_each(self, tokens: Iterable[StoredAccessToken], *, by: Actor) -> int:
        """Requests rotations one by one; a failure of one connection does not stop the others."""
        requested = 0
        for stored in tokens:
            try:
                requested += self.request(stored.connection_id, by=by)
            except BankError as error:
                log.warning("rotation.not_asked", connection_id=stored.connection_id, code=error.code)
        return requested

    def _enqueue(self, connection_id: str) -> bool:
        """Adds the task; the sweep finds a request whose task the queue did not accept."""
        name = f"{connection_id}-{int(self.clock.now().timestamp() * 1000)}"
        try:
            self.tasks.add(TaskFunction.ROTATE_TOKEN, {"connection_id": connection_id}, name=name)
        except Unavailable:
            log.error("queue.not_taken", connection_id=connection_id)
            return False
        return True
