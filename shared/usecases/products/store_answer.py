"""Stores what a complete answer changes, and ends the run in the same commit, if everything fits one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.domain.errors import CommitTooLarge, NotStorable
from shared.domain.products.kinds import ProductKind
from shared.domain.products.product_progress import ReadProduct
from shared.domain.products.product_state import ProductState
from shared.domain.products.rows import ProductRow, StoredProductRow
from shared.domain.products.snapshot import Snapshot, SnapshotChange, compare
from shared.log import log
from shared.ports import Clock, DeleteProductRows, ProductSyncs, StoredRows, UpsertProductRows, Write
from shared.usecases.sync.fenced_commits import FencedRun

ROWS_AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class _Unit:
    """Rows that must be written in one commit: a new row takes over the notes of the row that it replaces."""

    row: ProductRow | None = None
    gone: str | None = None

    @property
    def inherits(self) -> bool:
        """Whether the row replaces the other one."""
        return self.row is not None and self.gone is not None


@dataclass(kw_only=True)
class AnswerWriter:
    """Stores one answer.

    Attributes:
        run: Commits with the run's lease.
        products: The stored rows.
        clock: The time.
        stored: The stored rows that the answer covers.
        others: The number of stored rows that it does not cover.
        certain: Whether missing rows are deleted without a second answer.
    """

    run: FencedRun[ProductState]
    products: ProductSyncs
    clock: Clock
    stored: StoredRows
    others: int = 0
    certain: bool = False
    refused: int = field(default=0, init=False)

    def write(self, snapshot: Snapshot, end: Callable[[ProductState, ReadProduct], ProductState]) -> SnapshotChange:
        """Writes the changed rows and deletes those that the answer no longer contains.

        Args:
            snapshot: The complete answer.
            end: The transition of the last commit, with what was read.

        Returns:
            What the answer changed.

        Raises:
            LeaseLost: Another run took over, or the product was removed.
        """
        state = self.run.state
        accounts = {row.account_id for row in self.stored.rows.values()} if self.certain else ()
        change = compare(
            self.stored.rows,
            snapshot,
            revoked={*state.revoked_accounts, *accounts},
            hollow=state.hollow,
            now=self.clock.now(),
        )
        new = sum(row.row_id not in self.stored.rows for row in change.upserts)
        rows = self.others + len(self.stored.rows) + new - len(change.deletes)
        read = ReadProduct(rows=rows, changed=change.changes_rows, hollow=change.hollow, confirm_at=change.confirm_at)

        def last(current: ProductState) -> ProductState:
            return end(current, read.model_copy(update={"rows": read.rows - self.refused}))

        units = _units(change)
        while len(units) > ROWS_AT_ONCE:
            self._commit(units[:ROWS_AT_ONCE], self._advance(units[:ROWS_AT_ONCE]))
            units = units[ROWS_AT_ONCE:]
        self._commit(units, last)
        return change

    def _commit(self, units: Sequence[_Unit], step: Callable[[ProductState], ProductState]) -> None:
        """Commits units with a transition; halves a commit that is too large."""
        unused = [self.stored]

        def writes() -> list[Write]:
            # After a conflict, read again: a user may have written on a row.
            stored = unused.pop() if unused else self.products.stored_rows(self.run.state.connection_id, self._kind)
            return self._writes(units, stored)

        try:
            self.run.commit(step, writes)
        except CommitTooLarge as error:
            if len(units) > 1:
                first, rest = units[: len(units) // 2], units[len(units) // 2 :]
                self._commit(first, self._advance(first))
                self._commit(rest, step)
            elif units and isinstance(error, NotStorable):
                log.warning("product.row_refused", rows=1)
                self.refused += self._more(units)
                self._commit((), step)
            else:
                raise

    def _advance(self, units: Sequence[_Unit]) -> Callable[[ProductState], ProductState]:
        more = self._more(units)
        return lambda state: state.advance(now=self.clock.now(), rows=max(0, state.rows + more))

    def _more(self, units: Sequence[_Unit]) -> int:
        """How many more rows are stored after these units."""
        new = sum(one.row is not None and one.row.row_id not in self.stored.rows for one in units)
        return new - sum(one.gone is not None for one in units)

    def _writes(self, units: Sequence[_Unit], stored: StoredRows) -> list[Write]:
        revoked = self.run.state.revoked_accounts  # maybe since the answer was compared
        rows = tuple(one.row for one in units if one.row is not None and one.row.account_id not in revoked)
        versions = {one.gone: stored.versions[one.gone] for one in units if one.gone in stored.versions}
        notes = _notes(units, stored.rows)
        found: list[Write] = [UpsertProductRows(self._kind, rows, notes)] if rows else []
        return [*found, DeleteProductRows(self._kind, versions)] if versions else found

    @property
    def _kind(self) -> ProductKind:
        return self.run.state.kind


def _units(change: SnapshotChange) -> list[_Unit]:
    replaced = {*change.inherited.values()}
    upserts = [_Unit(row, change.inherited.get(row.row_id)) for row in change.upserts]
    return [*upserts, *(_Unit(gone=row_id) for row_id in change.deletes if row_id not in replaced)]


def _notes(units: Iterable[_Unit], stored: Mapping[str, StoredProductRow]) -> dict[str, Mapping[str, object]]:
    """What new rows inherit, by their ids."""
    pairs = ((one.row, stored.get(one.gone or "")) for one in units if one.inherits)
    return {row.row_id: old.user for row, old in pairs if row is not None and old is not None and old.user is not None}
