"""The shared cache of institutions.

bank_institutions/{institution_id}          readable by every signed-in user
bank_institution_claims/{institution_id}    claims of processes that fetch an institution; private
"""

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from google.cloud.firestore_v1.base_query import FieldFilter
from pydantic import ValidationError

from shared.adapters.firestore.commit import Batch, version_of
from shared.adapters.firestore.errors import translates_outages
from shared.domain.errors import Conflict
from shared.domain.institution import InstitutionInfo
from shared.log import log
from shared.ports import Version

if TYPE_CHECKING:
    from google.cloud import firestore

INSTITUTIONS = "bank_institutions"
CLAIMS = "bank_institution_claims"
PAGE = 300
MAX_PAGES = 60  # Plaid lists about 17,000 institutions


@translates_outages
class FirestoreInstitutions:
    """The port `Institutions`."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def find(self, institution_id: str) -> InstitutionInfo | None:
        """Finds an institution in the cache, in one read."""
        snapshot = self._client.document(INSTITUTIONS, institution_id).get()
        return InstitutionInfo.model_validate(snapshot.to_dict()) if snapshot.exists else None

    def put(self, institution: InstitutionInfo) -> None:
        """Stores an institution, in one write."""
        batch = Batch(self._client)
        batch.replace(f"{INSTITUTIONS}/{institution.institution_id}", institution.model_dump())
        batch.commit()

    def stale(self, before: datetime, *, now: datetime, limit: int) -> list[InstitutionInfo]:
        """Finds institutions to refresh: one query per page of stale ones, until enough are due."""
        stale = self._client.collection(INSTITUTIONS).where(filter=FieldFilter("fetched_at", "<", before))
        query = stale.order_by("fetched_at").limit(PAGE)
        first: list[InstitutionInfo] = []
        later: list[InstitutionInfo] = []
        last: Any = None
        for _ in range(MAX_PAGES):
            page = list((query.start_after(last) if last is not None else query).stream())
            for info in map(_institution_or_none, page):
                if info is not None:
                    (later if info.is_put_off(now) else first).append(info)
            if len(page) < PAGE or len(first) >= limit:
                break
            last = page[-1]
        return [*first, *later][:limit]

    def put_off(self, institution_id: str, *, until: datetime) -> None:
        """Postpones the next refresh of an institution, in one write."""
        batch = Batch(self._client)
        batch.update(f"{INSTITUTIONS}/{institution_id}", {"next_try_at": until})
        with suppress(Conflict):
            batch.commit()

    def claim(self, institution_id: str, *, now: datetime, until: datetime) -> Version | None:
        """Claims the fetch of an institution: one commit; if a claim exists, a read and perhaps another commit."""
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
        """Releases a claim, in one commit."""
        batch = Batch(self._client)
        batch.delete(_claim_path(institution_id), expected=expected)
        try:
            batch.commit()
        except Conflict:
            return


def _institution_or_none(snapshot: Any) -> InstitutionInfo | None:
    """The institution in a document; logs it and returns None if the document is unreadable."""
    try:
        return InstitutionInfo.model_validate(snapshot.to_dict())
    except ValidationError:
        log.warning("institution.unreadable", institution_id=snapshot.id)
        return None


def _claim_path(institution_id: str) -> str:
    return f"{CLAIMS}/{institution_id}"
