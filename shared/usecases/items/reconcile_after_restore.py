"""The store was put back to an earlier moment: each connection is brought in line with what Plaid says now.

Everything that Plaid holds can be read again. What it cannot give back is what happened to items and access tokens
since that moment: items that were removed have come back here, and of tokens that were replaced only the dead ones are
left.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.audit import Actor
from shared.domain.connection import BankConnection
from shared.domain.errors import BankError, Conflict, FailedPrecondition, ProviderError, Unavailable
from shared.domain.progress import ErrorSummary
from shared.domain.removal import RemovalReason
from shared.domain.status import StatusEvent, is_revoked
from shared.log import log
from shared.ports import Clock, Removals
from shared.usecases.apply_status_event import report
from shared.usecases.items.refresh_item_status import ItemStatusRefresh
from shared.usecases.removal.remove_connection import begin_removal
from shared.usecases.sync.request_sync import reconcile_connection
from shared.usecases.tokens.call_with_token import call_with_token
from shared.usecases.tokens.rotate_token import LOST

PAGE = 200
MAX_TRIES = 20  # of a compare-and-set against whoever else is at work
ENOUGH_TO_DOUBT = 10  # connections, of which most are unknown to Plaid: then it is our keys, or another environment
GONE = ("ITEM_NOT_FOUND", "ITEM_CONCURRENTLY_DELETED")


class RestoreAction(StrEnum):
    """What becomes of a connection."""

    READ_AGAIN = "read again"  # Plaid knows it: its status is looked at, and everything is read and compared
    REMOVED = "removed"  # it was removed at Plaid since, so it is here, too
    TOKEN_LOST = "token lost"  # replaced since: its user links the bank anew  # noqa: S105 (no secret)
    LEFT_ALONE = "left alone"  # over already, or gone in this moment
    LATER = "later"  # Plaid did not answer, or a run is working: call again


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReconciliation:
    """Looks at connections after a restore, and settles them. Twice is harmless."""

    check: ItemStatusRefresh
    removals: Removals
    clock: Clock

    def everyone(self) -> Iterator[str]:
        """The ids of all connections; reads them page by page."""
        after: str | None = None
        while found := self.check.connections.page(after=after, limit=PAGE):
            yield from (connection_id for connection_id, _ in found)
            after = found[-1][0]

    def look(self, connection_ids: Iterable[str]) -> dict[str, RestoreAction]:
        """What would become of connections; changes nothing.

        Raises:
            FailedPrecondition: Plaid does not know most of them: that is no restore's doing.
        """
        actions = {connection_id: self._action(connection_id) for connection_id in connection_ids}
        counts = Counter(actions.values())
        if len(actions) >= ENOUGH_TO_DOUBT and 2 * (
            counts[RestoreAction.REMOVED] + counts[RestoreAction.TOKEN_LOST]
        ) > len(actions):
            raise FailedPrecondition(
                "Plaid does not know most of these connections: are its keys and environment the right ones?",
                code="restore_implausible",
            )
        return actions

    def settle(self, connection_id: str, action: RestoreAction) -> RestoreAction:
        """Does what was found to be right; returns what was done."""
        connection = self.check.connections.find(connection_id)
        if connection is None:
            return RestoreAction.LEFT_ALONE
        try:
            match action:
                case RestoreAction.READ_AGAIN:
                    self._read_again(connection_id)
                case RestoreAction.REMOVED:
                    self._remove(connection)
                case RestoreAction.TOKEN_LOST:
                    self._token_lost(connection_id)
                case RestoreAction.LEFT_ALONE | RestoreAction.LATER:
                    return action
        except BankError as error:
            log.warning("restore.postponed", connection_id=connection_id, code=error.code)
            return RestoreAction.LATER
        log.info("restore.settled", connection_id=connection_id, fate=action)
        return action

    def _action(self, connection_id: str) -> RestoreAction:
        connection = self.check.connections.find(connection_id)
        if connection is None or is_revoked(connection):
            return RestoreAction.LEFT_ALONE
        check = self.check
        try:
            known = call_with_token(connection_id, check.plaid.item, credentials=check.credentials, vault=check.vault)
        except ProviderError as error:
            if error.error_code in GONE:
                return RestoreAction.REMOVED
            if error.is_about_token:
                return RestoreAction.TOKEN_LOST
            return RestoreAction.READ_AGAIN if error.item_status is not None else RestoreAction.LATER
        except Unavailable:
            return RestoreAction.LATER
        return RestoreAction.READ_AGAIN if known is not None else RestoreAction.LEFT_ALONE

    def _read_again(self, connection_id: str) -> None:
        check = self.check
        check.daily_check(connection_id)
        # Which accounts are shared is Plaid's to say, too: one that was revoked then may have been shared again since.
        reconcile_connection(
            connection_id, syncs=check.syncs, queue=check.queue, clock=self.clock, forgets_revocations=True
        )

    def _remove(self, connection: BankConnection) -> None:
        begin_removal(
            connection,
            reason=RemovalReason.RESTORED,
            by=Actor.OPERATOR,
            connections=self.check.connections,
            removals=self.removals,
            tasks=self.check.tasks,
            clock=self.clock,
        )

    def _token_lost(self, connection_id: str) -> None:
        """As after a replacement whose new token was lost: its user is told to link anew."""
        for _ in range(MAX_TRIES):
            loaded = self.check.syncs.load(connection_id)
            event = StatusEvent.UNUSABLE
            change = self.check.status_events.apply(connection_id, event, actor=Actor.OPERATOR, error=LOST)
            if loaded is None or change is None:
                return
            state = loaded.state.halt(now=self.clock.now(), error=ErrorSummary.of(LOST))
            try:
                self.check.syncs.save(state, expected=loaded.version, writes=change.writes())
            except Conflict:
                continue
            report(change.writes())
            return
        raise Unavailable("the connection is busy", code="connection_busy", retry_after_seconds=1)
