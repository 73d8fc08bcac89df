"""The tombstone of a running removal: `bank_removals/{connection_id}`. Private."""

from typing import Any

from shared.adapters.firestore.commit import Batch
from shared.domain.removal import Removal
from shared.ports import Version

REMOVALS = "bank_removals"


def put_removal(batch: Batch, removal: Removal, *, expected: Version | None = None) -> None:
    """Writes a tombstone; with `expected`, only if it is unchanged since that version."""
    batch.replace(f"{REMOVALS}/{removal.connection_id}", removal.model_dump(), expected=expected)


def create_removal(batch: Batch, removal: Removal) -> None:
    """Creates a tombstone; the commit is refused if one exists."""
    batch.create(f"{REMOVALS}/{removal.connection_id}", removal.model_dump())


def removal_in(snapshot: Any) -> Removal:
    """The removal in a tombstone."""
    return Removal.model_validate(snapshot.to_dict())
