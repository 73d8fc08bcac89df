"""The shared cache of institutions: `bank_institutions/{institution_id}`."""

from typing import TYPE_CHECKING

from shared.adapters.firestore_commit import Batch
from shared.adapters.firestore_errors import translates_outages
from shared.domain.institution import InstitutionInfo

if TYPE_CHECKING:
    from google.cloud import firestore

INSTITUTIONS = "bank_institutions"


@translates_outages
class FirestoreInstitutions:
    """`bank_institutions/{institution_id}`."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def find(self, institution_id: str) -> InstitutionInfo | None:
        """One read."""
        snapshot = self._client.document(INSTITUTIONS, institution_id).get()
        return InstitutionInfo.model_validate(snapshot.to_dict()) if snapshot.exists else None

    def put(self, institution: InstitutionInfo) -> None:
        """One write."""
        batch = Batch(self._client)
        batch.replace(f"{INSTITUTIONS}/{institution.institution_id}", institution.model_dump())
        batch.commit()
