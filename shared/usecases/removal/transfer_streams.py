"""The commits that empty a replaced connection of recurring streams: their notes move to the new connection.

The streams of the new connection may not be there yet, because Plaid derives them from the complete history. A note
without a stream is kept on a copy of its old stream, which the next answer that has the stream replaces
(shared/domain/products/recurring.py). So a note is never lost, whichever comes first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.domain.errors import CommitTooLarge, Conflict
from shared.domain.products.kinds import ProductKind
from shared.domain.products.product_state import ProductState
from shared.domain.products.recurring import kept_note, replaced
from shared.domain.products.rows import ProductRow, StoredProductRow
from shared.domain.run_state import IllegalTransition
from shared.ports import MoveStream, ProductSyncs, PutProduct, StoredRows
from shared.usecases.removal.transfer_notes import Transfer

STREAMS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class StreamTransfer:
    """Moves the notes of recurring streams within a move of notes."""

    transfer: Transfer
    products: ProductSyncs

    def move_streams(self, accounts: Mapping[str, str]) -> None:
        """Moves every note, and deletes all streams of the old connection.

        Args:
            accounts: The new account by old account.

        Raises:
            Conflict: A user or a run was faster: read everything again.
            TimeIsUp: Another delivery must continue.
        """
        move = self.transfer.move
        old = self.products.stored_rows(move.from_connection_id or "", ProductKind.RECURRING)
        if not old.rows:
            return
        new = self.products.stored_rows(move.connection_id, ProductKind.RECURRING)
        steps = self._steps(old, new, accounts)
        for start in range(0, len(steps), STREAMS_AT_ONCE):
            self._commit(steps[start : start + STREAMS_AT_ONCE])

    def _steps(self, old: StoredRows, new: StoredRows, accounts: Mapping[str, str]) -> list[MoveStream]:
        """A step for each stream; a note that the user wrote on the new stream stays there."""
        noted = {i: _in_account(row, accounts) for i, row in old.rows.items() if _note(row)}
        free = [ProductRow(i, row.account_id, row.fields) for i, row in new.rows.items() if not _note(row)]
        partners = {gone: made for made, gone in replaced(free, noted.values()).items()}
        now = self.transfer.clock.now()

        def step(row: StoredProductRow) -> MoveStream:
            found, partner = MoveStream(row.row_id, old.versions[row.row_id]), partners.get(row.row_id)
            if row.row_id not in noted:
                return found
            if partner is not None:
                return replace(found, note=_note(row), onto=(partner, new.versions[partner]))
            account_id = noted[row.row_id].account_id
            return replace(found, note=_note(row), kept=kept_note(row, account_id=account_id, now=now))

        return [step(row) for row in old.rows.values()]

    def _commit(self, steps: Sequence[MoveStream]) -> None:
        """Takes steps in one commit, or in two of half the size if it is too large."""
        try:
            self.transfer.take(steps, product=self._product(steps))
        except CommitTooLarge:
            if len(steps) == 1:
                raise
            self._commit(steps[: len(steps) // 2])
            self._commit(steps[len(steps) // 2 :])

    def _product(self, steps: Sequence[MoveStream]) -> PutProduct | None:
        """The new connection's state of recurring streams, which is created if the product was not planned yet."""
        if not any(step.note for step in steps):
            return None
        move, now = self.transfer.move, self.transfer.clock.now()
        known = self.products.of_connection(move.connection_id, [ProductKind.RECURRING]).get(ProductKind.RECURRING)
        if known is not None:
            state, expected = known.state, known.version
        else:
            owner = {"connection_id": move.connection_id, "app_user_id": move.app_user_id}
            state, expected = ProductState.new(ProductKind.RECURRING, **owner, now=now).switched_off(now=now), None
        try:
            moved = state.rows_moved(sum(step.kept is not None for step in steps), now=now)
        except IllegalTransition:
            raise Conflict from None
        return PutProduct(moved.touched(), expected)


def _note(row: StoredProductRow) -> dict[str, Any] | None:
    """What the user wrote on a stream; None if every value is empty."""
    return row.user if row.user and any(row.user.values()) else None


def _in_account(row: StoredProductRow, accounts: Mapping[str, str]) -> StoredProductRow:
    return replace(row, account_id=accounts.get(row.account_id, row.account_id))
