"""The published health of institutions.

bank_institution_health/{institution_id}    readable by every signed-in user, one at a time
"""

from typing import TYPE_CHECKING

from shared.adapters.firestore.commit import Batch
from shared.adapters.firestore.errors import translates_outages
from shared.domain.institution_health.published import InstitutionHealth

if TYPE_CHECKING:
    from google.cloud import firestore

HEALTH = "bank_institution_health"


@translates_outages
class FirestorePublishedHealth:
    """The port `PublishedHealth`."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def find(self, institution_id: str) -> InstitutionHealth | None:
        """Finds the published health of an institution, in one read."""
        snapshot = self._client.document(HEALTH, institution_id).get()
        return InstitutionHealth.model_validate(snapshot.to_dict()) if snapshot.exists else None

    def put(self, health: InstitutionHealth) -> None:
        """Publishes the health of an institution, in one write."""
        batch = Batch(self._client)
        batch.replace(f"{HEALTH}/{health.institution_id}", health.model_dump())
        batch.commit()

    def withdraw(self, institution_id: str) -> None:
        """Deletes the published health of an institution, in one write."""
        batch = Batch(self._client)
        batch.delete(f"{HEALTH}/{institution_id}")
        batch.commit()
