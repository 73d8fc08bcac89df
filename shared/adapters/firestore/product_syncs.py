"""States and rows of products in Firestore; see product_documents.py."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from google.cloud.firestore_v1.base_query import FieldFilter

from shared.adapters.firestore.audit import FirestoreAudit
from shared.adapters.firestore.commit import Batch, version_of
from shared.adapters.firestore.due_documents import due_documents
from shared.adapters.firestore.errors import translates_outages
from shared.adapters.firestore.product_documents import PRODUCT_STATES, put_product, rows_path
from shared.adapters.firestore.sync_writes import CONNECTIONS, TRANSACTIONS, SyncCommit, put
from shared.domain.products.kinds import ProductKind
from shared.domain.products.own_recurring import USED_FIELDS
from shared.domain.products.product_state import ProductState, product_id
from shared.domain.products.rows import StoredProductRow
from shared.log import log
from shared.ports import LoadedProduct, StoredRows, Version, Write

if TYPE_CHECKING:
    from google.cloud import firestore


@translates_outages
class FirestoreProductSyncs:
    """The port `ProductSyncs`."""

    def __init__(self, client: "firestore.Client", *, audit: FirestoreAudit) -> None:
        self._client = client
        self._audit = audit

    def load(self, sync_id: str, /) -> LoadedProduct | None:
        """Loads a state, in one read."""
        snapshot = self._client.document(PRODUCT_STATES, sync_id).get()
        return _loaded(snapshot) if snapshot.exists else None

    def save(self, state: ProductState, *, expected: Version, writes: Sequence[Write] = ()) -> Version:
        """Stores a state, its projection and its writes, in one commit."""
        batch = Batch(self._client)
        put_product(batch, state, expected=expected)
        commit = SyncCommit(batch, state, self._audit)
        for write in writes:
            put(write, commit)
        return batch.commit()[0]

    def due(self, now: datetime, *, limit: int) -> list[LoadedProduct]:
        """Finds due products, in one query."""

        def unreadable(name: str) -> None:
            log.error("product_state.unreadable", product=name)

        return due_documents(self._client, PRODUCT_STATES, now, limit=limit, read=_loaded, unreadable=unreadable)

    def of_connection(self, connection_id: str, kinds: Collection[ProductKind]) -> dict[ProductKind, LoadedProduct]:
        """Loads the states of these kinds: one read each."""
        states = self._client.collection(PRODUCT_STATES)
        wanted = [states.document(product_id(connection_id, kind)) for kind in kinds]
        found = [_loaded(snapshot) for snapshot in self._client.get_all(wanted) if snapshot.exists]
        return {loaded.state.kind: loaded for loaded in found}

    def stored_rows(
        self, connection_id: str, kind: ProductKind, *, since: date | None = None, account_id: str | None = None
    ) -> StoredRows:
        """Reads rows, in one query."""
        query: Any = self._client.collection(rows_path(connection_id, kind))
        if since is not None:
            query = query.where(filter=FieldFilter("date", ">=", str(since)))
        if account_id is not None:
            query = query.where(filter=FieldFilter("account_id", "==", account_id))
        found = StoredRows()
        for snapshot in query.stream():
            found.rows[snapshot.id] = StoredProductRow.of(snapshot.id, snapshot.to_dict())
            found.versions[snapshot.id] = version_of(snapshot)
        return found

    def transactions_since(self, connection_id: str, day: date) -> list[Mapping[str, Any]]:
        """Reads eleven fields of transactions, in one query."""
        rows = self._client.collection(CONNECTIONS, connection_id, TRANSACTIONS)
        found = rows.where(filter=FieldFilter("date", ">=", str(day))).order_by("date").select(USED_FIELDS).stream()
        return [snapshot.to_dict() or {} for snapshot in found]


def _loaded(snapshot: Any) -> LoadedProduct:
    return LoadedProduct(state=ProductState.model_validate(snapshot.to_dict()), version=version_of(snapshot))
