"""The private records of institutions' health.

bank_institution_evidence/{institution_id}    one record, without connections or users
bank_institution_watch/all                    the institutions that the scheduler watches
"""

from typing import TYPE_CHECKING

from shared.adapters.firestore.commit import Batch, version_of
from shared.adapters.firestore.errors import translates_outages
from shared.domain.institution_health.record import HealthRecord, Watchlist
from shared.ports import Version

if TYPE_CHECKING:
    from google.cloud import firestore

RECORDS = "bank_institution_evidence"
WATCHLIST = "bank_institution_watch/all"


@translates_outages
class FirestoreHealthRecords:
    """The port `HealthRecords`."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def watchlist(self) -> tuple[Watchlist, Version | None]:
        """Loads the list, in one read."""
        snapshot = self._client.document(WATCHLIST).get()
        if not snapshot.exists:
            return Watchlist(), None
        return Watchlist.model_validate(snapshot.to_dict()), version_of(snapshot)

    def save_watchlist(self, watchlist: Watchlist, *, expected: Version | None) -> None:
        """Stores the list, in one write."""
        batch = Batch(self._client)
        _put_watchlist(batch, watchlist, expected)
        batch.commit()

    def load(self, institution_id: str) -> tuple[HealthRecord, Version] | None:
        """Loads a record, in one read."""
        snapshot = self._client.document(RECORDS, institution_id).get()
        return (HealthRecord.model_validate(snapshot.to_dict()), version_of(snapshot)) if snapshot.exists else None

    def save(
        self, record: HealthRecord, *, expected: Version | None, watchlist: tuple[Watchlist, Version | None]
    ) -> Version:
        """Stores a record and the list, in one commit."""
        batch = Batch(self._client)
        path, fields = f"{RECORDS}/{record.institution_id}", record.model_dump()
        if expected is None:
            batch.create(path, fields)
        else:
            batch.replace(path, fields, expected=expected)
        _put_watchlist(batch, *watchlist)
        return batch.commit()[0]

    def forget(self, institution_id: str) -> None:
        """Deletes a record, in one write."""
        batch = Batch(self._client)
        batch.delete(f"{RECORDS}/{institution_id}")
        batch.commit()


def _put_watchlist(batch: Batch, watchlist: Watchlist, expected: Version | None) -> None:
    if expected is None:
        batch.create(WATCHLIST, watchlist.model_dump())
    else:
        batch.replace(WATCHLIST, watchlist.model_dump(), expected=expected)
