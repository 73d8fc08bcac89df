"""Reconciles each connection with Plaid after the store was restored to an earlier moment.

All data that Plaid holds can be read again. Changes to items and access tokens since that moment cannot: the store
again has items that were removed since, and the old tokens, which no longer work, of those that were rotated since.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.audit import Actor
from shared.domain.credentials import LOST
from shared.domain.errors import BankError, ErrorKind, FailedPrecondition, ProviderError, Unavailable, VaultError
from shared.domain.progress import ErrorSummary
from shared.domain.removal import RemovalReason
from shared.domain.status import StatusEvent, breaks_login, is_revoked
from shared.log import log
from shared.ports import Clock, Connections, Plaid, Syncs
from shared.ports.compare_and_set import retry_on_conflict
from shared.usecases.apply_status_event import StatusEvents, report
from shared.usecases.items.refresh_item_status import ItemStatusRefresh
from shared.usecases.removal.remove_connection import ConnectionRemover
from shared.usecases.sync.request_sync import SyncRequests
from shared.usecases.tokens.call_with_token import AccessTokens

PAGE = 200
MAX_TRIES = 20  # of a compare-and-set against runs that commit a few times a second
ENOUGH_TO_DOUBT = 10  # connections; if Plaid does not know most of them, our API keys or the environment are wrong


class RestoreAction(StrEnum):
    """The action of the reconciliation for a connection."""

    READ_AGAIN = "read again"  # Plaid knows the item: refresh its status, and read and compare everything
    REMOVED = "removed"  # the item was removed at Plaid since: remove the connection, too
    TOKEN_LOST = "token lost"  # it was rotated since: the user must link the bank again  # noqa: S105 (no secret)
    LEFT_ALONE = "left alone"  # revoked before, or removed at this moment
    LATER = "later"  # Plaid did not answer, or a sync is running: call again


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReconciliation:
    """Plans the action that each connection needs after a restore, and applies it. Idempotent."""

    connections: Connections
    syncs: Syncs
    plaid: Plaid
    access_tokens: AccessTokens
    item_status: ItemStatusRefresh
    sync_requests: SyncRequests
    connection_remover: ConnectionRemover
    status_events: StatusEvents
    clock: Clock

    def connection_ids(self) -> Iterator[str]:
        """The ids of all connections, read page by page."""
        after: str | None = None
        while found := self.connections.page(after=after, limit=PAGE):
            yield from (connection_id for connection_id, _ in found)
            after = found[-1][0]

    def plan(self, connection_ids: Iterable[str]) -> dict[str, RestoreAction]:
        """Plans the action for each connection; changes nothing.

        Raises:
            FailedPrecondition: Plaid does not know most of the connections; a restore cannot be the reason.
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

    def apply(self, connection_id: str, action: RestoreAction) -> RestoreAction:
        """Applies a planned action; returns the action that was possible."""
        connection = self.connections.find(connection_id)
        if connection is None:
            return RestoreAction.LEFT_ALONE
        try:
            match action:
                case RestoreAction.READ_AGAIN:
                    self._read_again(connection_id)
                case RestoreAction.REMOVED:
                    self.connection_remover.begin(connection, reason=RemovalReason.RESTORED, by=Actor.OPERATOR)
                case RestoreAction.TOKEN_LOST:
                    self._stop_syncing(connection_id)
                case RestoreAction.LEFT_ALONE | RestoreAction.LATER:
                    return action
        except BankError as error:
            log.warning("restore.postponed", connection_id=connection_id, code=error.code)
            return RestoreAction.LATER
        log.info("restore.settled", connection_id=connection_id, fate=action)
        return action

    def _action(self, connection_id: str) -> RestoreAction:
        connection = self.connections.find(connection_id)
        if connection is None or is_revoked(connection):
            return RestoreAction.LEFT_ALONE
        try:
            known = self.access_tokens.call(connection_id, self.plaid.item)
        except ProviderError as error:
            if error.kind in (ErrorKind.ITEM_GONE, ErrorKind.ITEM_BEING_REMOVED):
                return RestoreAction.REMOVED
            if error.is_about_token:
                return RestoreAction.TOKEN_LOST
            return RestoreAction.READ_AGAIN if breaks_login(error) else RestoreAction.LATER
        except (Unavailable, VaultError):
            return RestoreAction.LATER
        return RestoreAction.READ_AGAIN if known is not None else RestoreAction.LEFT_ALONE

    def _read_again(self, connection_id: str) -> None:
        self.item_status.daily_check(connection_id)
        # Plaid also reports which accounts are shared: a revoked one may have been shared again since.
        self.sync_requests.reconcile(connection_id, forgets_revocations=True)

    def _stop_syncing(self, connection_id: str) -> None:
        """Asks the user to link the bank again, as after a rotation whose new token was lost."""

        def step() -> None:
            loaded = self.syncs.load(connection_id)
            event = StatusEvent.UNUSABLE
            change = self.status_events.apply(connection_id, event, actor=Actor.OPERATOR, error=LOST)
            if loaded is None or change is None:
                return
            state = loaded.state.halt(now=self.clock.now(), error=ErrorSummary.of(LOST))
            self.syncs.save(state, expected=loaded.version, writes=change.writes())
            report(change.writes())

        retry_on_conflict(step, tries=MAX_TRIES)
