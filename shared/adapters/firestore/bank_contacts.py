"""Evidence about institutions' health, in the states of syncs and in connections."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from google.cloud.firestore_v1.base_query import FieldFilter

from shared.adapters.firestore.errors import translates_outages
from shared.adapters.firestore.institutions import INSTITUTIONS
from shared.adapters.firestore.sync_writes import CONNECTIONS, STATES
from shared.domain.bank_contact import ContactSource
from shared.domain.connection import ItemStatus
from shared.domain.institution_health.evidence import LoginLost
from shared.ports import Contact

if TYPE_CHECKING:
    from google.cloud import firestore

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_CONTACT = ["app_user_id", "bank_at", "bank_failed", "bank_source", "bank_known_at"]


@translates_outages
class FirestoreBankContacts:
    """The port `BankContacts`."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def failing_since(self, since: datetime, *, limit: int) -> set[str]:
        """Finds the institutions with failures, in one query; reads failing connections only."""
        failing = _where(self._client.collection(STATES), bank_failed=True)
        query = failing.where(filter=FieldFilter("bank_known_at", ">", since))
        query = query.order_by("bank_known_at", direction="DESCENDING")
        found = {snapshot.get("source") for snapshot in query.select(["source"]).limit(limit).stream()}
        return {one for one in found if one is not None}

    def latest(self, institution_id: str, *, since: datetime, limit: int) -> list[Contact]:
        """Finds the newest contacts, in one query."""
        query = _where(self._client.collection(STATES), source=institution_id)
        query = query.where(filter=FieldFilter("bank_at", ">", since)).order_by("bank_at", direction="DESCENDING")
        return [_contact(snapshot) for snapshot in query.select(_CONTACT).limit(limit).stream()]

    def logins_lost(self, institution_id: str, *, since: datetime, limit: int) -> list[LoginLost]:
        """Finds connections with a broken login, in one query."""
        lost = _where(self._client.collection(CONNECTIONS), institution_id=institution_id, status=ItemStatus.BAD)
        query = lost.where(filter=FieldFilter("updated_at", ">", since)).order_by("updated_at", direction="DESCENDING")
        return [
            LoginLost(snapshot.id, snapshot.get("app_user_id"), snapshot.get("updated_at"))
            for snapshot in query.select(["app_user_id", "updated_at"]).limit(limit).stream()
        ]

    def count_at(self, institution_id: str) -> int:
        """Counts connections, in one aggregation."""
        return _count(_where(self._client.collection(CONNECTIONS), institution_id=institution_id))

    def count_all(self) -> int:
        """Counts all connections, in one aggregation."""
        return _count(self._client.collection(CONNECTIONS))

    def count_deferred(self, institution_id: str) -> int:
        """Counts deferred syncs, in one aggregation."""
        return _count(self._deferred(institution_id))

    def deferred(self, institution_id: str, *, limit: int) -> list[str]:
        """Finds deferred syncs, in one query."""
        query = self._deferred(institution_id).order_by("deferred_from").select(["source"]).limit(limit)
        return [snapshot.id for snapshot in query.stream()]

    def some_at(self, institution_id: str, *, start: str, limit: int) -> list[str]:
        """Finds some connections, in one query, or in two at the end of the order."""
        query = _where(self._client.collection(CONNECTIONS), institution_id=institution_id)
        query = query.select(["institution_id"]).order_by("__name__").limit(limit)
        reference = self._client.document(CONNECTIONS, start)
        found = [snapshot.id for snapshot in query.start_at({"__name__": reference}).stream()]
        if len(found) < limit:
            found += [snapshot.id for snapshot in query.stream() if snapshot.id not in found]
        return found[:limit]

    def institutions(self) -> list[str]:
        """Lists the cached institutions, in one query that reads one field of each."""
        return sorted(one.id for one in self._client.collection(INSTITUTIONS).select(["fetched_at"]).stream())

    def _deferred(self, institution_id: str) -> Any:
        query = _where(self._client.collection(STATES), source=institution_id)
        return query.where(filter=FieldFilter("deferred_from", ">", _BEGINNING))


def _where(query: Any, **equal: object) -> Any:
    for name, value in equal.items():
        query = query.where(filter=FieldFilter(name, "==", value))
    return query


def _count(query: Any) -> int:
    return int(query.count().get()[0][0].value)


def _contact(snapshot: Any) -> Contact:
    fields = snapshot.to_dict()
    return Contact(
        snapshot.id,
        fields["app_user_id"],
        fields["bank_at"],
        fields["bank_failed"],
        ContactSource(fields["bank_source"]),
        fields.get("bank_known_at") or fields["bank_at"],
    )
