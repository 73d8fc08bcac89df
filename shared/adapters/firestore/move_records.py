"""The record of a move: `bank_history_moves/{connection_id of the new connection}`. Private."""

from shared.adapters.firestore.commit import Batch
from shared.domain.history_move import HistoryMove
from shared.ports import Version

MOVES = "bank_history_moves"


def create_move(batch: Batch, move: HistoryMove) -> None:
    """Creates a record."""
    batch.create(f"{MOVES}/{move.connection_id}", move.model_dump())


def put_move(batch: Batch, move: HistoryMove, *, expected: Version) -> None:
    """Replaces an unchanged record."""
    batch.replace(f"{MOVES}/{move.connection_id}", move.model_dump(), expected=expected)


def delete_move(batch: Batch, connection_id: str, *, expected: Version | None = None) -> None:
    """Deletes the record, if there is one: a connection that is being removed gets no more notes."""
    batch.delete(f"{MOVES}/{connection_id}", expected=expected)
