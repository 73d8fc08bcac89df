"""Moves the notes of a replaced connection to the new one, then removes the old connection.

Every commit deletes the old rows whose notes it moves or archives, and is refused if one of the rows, old or new, has
changed since it was read. So each note is in exactly one place, a note that its user writes meanwhile is never
overwritten or lost, and an interrupted move resumes with the rows that are left.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.connection import BankConnection, ItemStatus, MovedHistory
from shared.domain.errors import Conflict, Unavailable
from shared.domain.history_matching import match_accounts
from shared.domain.history_move import HistoryMove, MoveState
from shared.domain.notification import Notification, NotificationKind, notification
from shared.domain.overlap import Holding, LinkedAccount, relinked
from shared.domain.status import is_revoked
from shared.log import log
from shared.ports import (
    Clock,
    Connections,
    EndedMove,
    HistoryMoves,
    ProductSyncs,
    Profiles,
    Syncs,
    Tasks,
    Version,
)
from shared.ports.compare_and_set import retry_on_conflict
from shared.usecases.enqueue import enqueue_history_move
from shared.usecases.mark_duplicates import OwnedAccounts
from shared.usecases.removal.remove_connection import ConnectionRemover
from shared.usecases.removal.transfer_notes import TimeIsUp, Transfer
from shared.usecases.removal.transfer_streams import StreamTransfer

MAX_TRIES = 10  # against users who write notes, syncs, and other audit entries of the user
TIME_FOR_A_RUN = timedelta(minutes=6)  # of the function's 9: then another delivery continues


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveHistory:
    """Moves the notes to one connection, once its history is complete."""

    moves: HistoryMoves
    connections: Connections
    syncs: Syncs
    products: ProductSyncs
    connection_remover: ConnectionRemover
    profiles: Profiles
    tasks: Tasks
    clock: Clock

    def resume(self, connection_id: str) -> None:
        """Starts or resumes the move to a connection; no effect if there is none, or its history is incomplete.

        Raises:
            Unavailable: The store did not answer, or other writers were faster each time: deliver again. Later, the
                scheduler starts it again.
        """
        until = self.clock.now() + TIME_FOR_A_RUN
        busy = Unavailable("the connection is busy", code="connection_busy", retry_after_seconds=1)
        with log.bound(connection_id=connection_id):
            try:
                retry_on_conflict(lambda: self._advance(connection_id, until), tries=MAX_TRIES, busy=busy)
            except TimeIsUp:
                self._hand_over(connection_id)

    def _advance(self, connection_id: str, until: datetime) -> None:
        """Takes all steps that are left.

        Raises:
            Conflict: Another writer was faster.
            TimeIsUp: Steps are left.
        """
        found = self.moves.find(connection_id)
        loaded, new = self.syncs.load(connection_id), self.connections.find(connection_id)
        if found is None or loaded is None or new is None:
            return  # it is complete, or the new connection is being removed
        if not loaded.state.history_complete:
            log.info("history_move.waiting")
            return
        owned = OwnedAccounts.read(new.app_user_id, connections=self.connections)
        if connection_id not in owned.holdings:
            raise Conflict
        move = _with_source(found[0], owned)
        old = self._old(move, owned)
        if old is None:
            self.moves.end(self._ended(move, found[1], new, replaced=False))
            log.info("history_move.ended", moved=move.moved, archived=move.archived, replaced=False)
            return
        running = Transfer(self.moves, self.clock, move, found[1], until)
        accounts = match_accounts(owned.holdings[old.connection_id], owned.holdings[connection_id])
        running.move_rows(accounts)
        StreamTransfer(running, self.products).move_streams(accounts)
        self._remove(old, new, running)

    def _old(self, move: HistoryMove, owned: OwnedAccounts) -> BankConnection | None:
        """The connection to move from, which is the same user's.

        None if it is removed or revoked, or works again although its user did not choose to replace it. Once rows have
        moved, the move continues even if it works again: its sync would not read them again.
        """
        source = move.from_connection_id
        if source is None or source == move.connection_id or source not in owned.holdings:
            return None
        old = self.connections.find(source)
        if old is None or is_revoked(old):
            return None
        must_continue = move.asked or move.state is MoveState.MOVING
        return old if must_continue or old.status is ItemStatus.ERROR else None

    def _remove(self, old: BankConnection, new: BankConnection, running: "Transfer") -> None:
        """Ends the move in the commit that removes the old connection.

        Only syncs create rows, and notifications that hold notes of removed rows. So if the sync state is unchanged
        since it was read, none of them came later.

        Raises:
            Conflict: Rows are left, or the status changed: the user may have revoked or repaired the old connection.
        """
        loaded, older = self.syncs.load(old.connection_id), self.moves.find(old.connection_id)
        current = self.connections.find(old.connection_id)
        if loaded is None or current is None or not self.moves.is_empty(old.connection_id):
            raise Conflict
        if (current.status, current.error_code) != (old.status, old.error_code):
            raise Conflict
        running.version = self.moves.keep_saved_notes(running.move, expected=running.version)
        ended = self._ended(running.move, running.version, new, replaced=True, older=older)
        self.connection_remover.replace(old, move=ended, state=loaded.version)
        move = running.move
        log.info("history_move.ended", moved=move.moved, archived=move.archived, replaced=True)
        if ended.continues is not None:
            enqueue_history_move(self.tasks, move.connection_id, move=ended.continues)

    def _ended(
        self,
        move: HistoryMove,
        expected: Version,
        new: BankConnection,
        *,
        replaced: bool,
        older: tuple[HistoryMove, Version] | None = None,
    ) -> EndedMove:
        """The last commit of a move; its user is notified if anything happened."""
        now = self.clock.now()
        happened = replaced or bool(move.moved or move.archived)
        # A move from this very connection to the old one can exist: both replaced each other.
        is_circle = older is not None and older[0].from_connection_id == move.connection_id
        continues = move.from_older(older[0], now=now) if older is not None and not is_circle else None
        fields: dict[str, object] = {"replaces": continues.from_connection_id if continues is not None else None}
        if happened:
            fields["history_moved"] = MovedHistory(moved=move.moved, archived=move.archived, at=now).model_dump()
        return EndedMove(
            move=move,
            expected=expected,
            fields=fields,
            audit=(move.ended(now=now),) if happened else (),
            notification=self._notification(move, new, now=now) if happened else None,
            continues=continues,
            older=older[1] if older is not None else None,
        )

    def _notification(self, move: HistoryMove, new: BankConnection, *, now: datetime) -> Notification:
        return notification(
            NotificationKind.HISTORY_MOVED,
            event_id=f"{move.connection_id}-{move.from_connection_id}",
            connection_id=move.connection_id,
            bank=new.institution_name,
            language=self.profiles.find(move.app_user_id).language,
            now=now,
            moved=move.moved,
            archived=move.archived,
        )

    def _hand_over(self, connection_id: str) -> None:
        """Makes the move due now, and enqueues another delivery. If that fails, the scheduler does so."""
        found = self.moves.find(connection_id)
        if found is None:
            return
        move = found[0].model_copy(update={"due_at": self.clock.now()})
        try:
            self.moves.update(move, expected=found[1])
        except Conflict:
            return  # another delivery is processing it
        enqueue_history_move(self.tasks, connection_id, move=move)


def _with_source(move: HistoryMove, owned: OwnedAccounts) -> HistoryMove:
    """The move with its old connection, which is looked for if the exchange could not name it."""
    if move.from_connection_id is not None or move.connection_id not in owned.holdings:
        return move
    new = owned.holdings[move.connection_id]
    others: list[Holding] = [one for one in owned.holdings.values() if one is not new]
    accounts = tuple(map(LinkedAccount.of, new.accounts))
    return move.model_copy(update={"from_connection_id": relinked(new.institution_id, accounts, others)})
