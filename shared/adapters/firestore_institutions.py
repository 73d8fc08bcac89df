"""The shared cache of institutions.

bank_institutions/{institution_id}          what every signed-in user may read
bank_institution_claims/{institution_id}    who is fetching one, until when; nobody but the backend
"""

from datetime import datetime
from typing import TYPE_CHECKING

from google.cloud.firestore_v1.base_query import FieldFilter

from shared.adapters.firestore_commit import Batch, version_of
from shared.adapters.firestore_errors import translates_outages
from shared.domain.errors import Conflict
from shared.domain.institution import InstitutionInfo
from shared.ports import Version

if TYPE_CHECKING:
    from google.cloud import firestore

INSTITUTIONS = "bank_institutions"
CLAIMS = "bank_institution_claims"


@translates_outages
class FirestoreInstitutions:
    """The port `Institutions`."""

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

    def stale(self, before: datetime, *, limit: int) -> list[InstitutionInfo]:
        """One query; reads what it returns."""
        query = self._client.collection(INSTITUTIONS).where(filter=FieldFilter("fetched_at", "<", before))
        found = query.order_by("fetched_at").limit(limit).stream()
        return [InstitutionInfo.model_validate(snapshot.to_dict()) for snapshot in found]

    def claim(self, institution_id: str, *, now: datetime, until: datetime) -> Version | None:
        """One commit; one read and perhaps one commit more where there was a claim."""
        fields = {"institution_id": institution_id, "expires_at": until}
        batch = Batch(self._client)
        batch.create(_claim_path(institution_id), fields)
        try:
            return batch.commit()[0]
        except Conflict:
            snapshot = self._client.document(_claim_path(institution_id)).get()
        if not snapshot.exists or (snapshot.to_dict() or {})["expires_at"] > now:
            return None
        batch = Batch(self._client)
        batch.replace(_claim_path(institution_id), fields, expected=version_of(snapshot))
        try:
            return batch.commit()[0]
        except Conflict:
            return None

    def release(self, institution_id: str, *, expected: Version) -> None:
        """One commit."""
        batch = Batch(self._client)
        batch.delete(_claim_path(institution_id), expected=expected)
        try:
            batch.commit()
        except Conflict:
            return


def _claim_path(institution_id: str) -> str:
    return f"{CLAIMS}/{institution_id}"
