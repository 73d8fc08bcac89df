"""Removals under way: `bank_removals/{connection_id}`, until nothing of the connection is left. Private."""

from shared.adapters.firestore_commit import Batch
from shared.domain.removal import Removal

REMOVALS = "bank_removals"


def put_removal(batch: Batch, removal: Removal) -> None:
    """Writes the tombstone."""
    batch.replace(f"{REMOVALS}/{removal.connection_id}", removal.model_dump())
