"""Pauses of syncs by operators: one document, `bank_pauses/syncs`. Private."""

from typing import TYPE_CHECKING

from shared.adapters.firestore.commit import READ_TIMEOUT_SECONDS, RETRY, Batch, version_of
from shared.adapters.firestore.errors import translates_outages
from shared.domain.pause import Pauses
from shared.ports import Version

if TYPE_CHECKING:
    from google.cloud import firestore

PAUSES = "bank_pauses/syncs"


@translates_outages
class FirestorePauses:
    """The port `PausedSyncs`."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def load(self) -> tuple[Pauses, Version | None]:
        """Loads the pauses, in one read."""
        snapshot = self._client.document(PAUSES).get(retry=RETRY, timeout=READ_TIMEOUT_SECONDS)
        return (
            (Pauses.model_validate(snapshot.to_dict()), version_of(snapshot)) if snapshot.exists else (Pauses(), None)
        )

    def save(self, pauses: Pauses, *, expected: Version | None) -> None:
        """Stores the pauses, in one commit."""
        batch = Batch(self._client)
        if expected is None:
            batch.create(PAUSES, pauses.model_dump())
        else:
            batch.replace(PAUSES, pauses.model_dump(), expected=expected)
        batch.commit()
