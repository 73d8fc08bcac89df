"""Hands the rest of a loop over to a continuation when a run's time is up."""

from collections.abc import Collection, Mapping

from shared.domain.sync_state import SyncState
from shared.ports import Clock, Handover, PutHandover, StoredRow, Syncs
from shared.usecases.sync.change_loop import ChangeLoop
from shared.usecases.sync.fenced_commits import FencedCommits
from shared.usecases.sync.write_changes import ChangeWriter

MAX_HANDOVER_IDS = 8_000  # of about 40 bytes, twice each: a document can hold 1 MiB
MAX_HANDOVER_BYTES = 320_000  # the limit for longer ids: each may be as long as a document's name


class RebuildTooLong(Exception):
    """A rebuild cannot be handed over: only this process knows the ids of the received rows."""


def hand_over(
    cursor: str, *, loop: ChangeLoop, run: FencedCommits, writer: ChangeWriter, syncs: Syncs, clock: Clock
) -> None:
    """Writes the changes read so far, and a handover that begins at `cursor`.

    Raises:
        RebuildTooLong: The loop compares the store with all received rows; nothing was written.
        LeaseLost: Another run took over.
    """
    if loop.delivered is not None:
        raise RebuildTooLong
    writer.stream(loop)
    replaced = _replaced_rows(loop, run.state, syncs)
    if not _fits([*loop.changes.removed, *replaced]):
        # More than a document can hold. Removing rows before their successors arrive is the lesser evil.
        writer.remove(loop, sorted(loop.changes.removed))
        _forget_removed(loop)
        replaced = {i: row for i, row in _replaced_rows(loop, run.state, syncs).items() if row.note}
        while not _fits(replaced):
            replaced = dict(list(replaced.items())[: len(replaced) // 2])
    heirs = {transaction_id: loop.successors[transaction_id] for transaction_id in replaced}
    left = Handover(removed=tuple(loop.changes.removed), successors=heirs, cursors=loop.trail.export())
    run.commit(
        lambda s: s.hand_over(now=clock.now(), cursor=cursor, counts=loop.counts),
        lambda: [PutHandover(left)],
    )


def _replaced_rows(loop: ChangeLoop, state: SyncState, syncs: Syncs) -> Mapping[str, StoredRow]:
    """The stored rows that other rows replace, as far as the loop has read."""
    return syncs.stored_rows(state.connection_id, loop.successors)


def _forget_removed(loop: ChangeLoop) -> None:
    gone = loop.changes.removed
    loop.successors = {i: to for i, to in loop.successors.items() if to not in gone or to in loop.successors}
    loop.changes.removed = set()


def _fits(ids: Collection[str]) -> bool:
    return len(ids) <= MAX_HANDOVER_IDS and sum(len(i.encode()) for i in ids) <= MAX_HANDOVER_BYTES
