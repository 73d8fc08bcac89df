"""States and rows of products on the fake store; the contract tests keep them equivalent to the real ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from shared.domain.errors import Conflict
from shared.domain.products.kinds import ProductKind, ProductStatus
from shared.domain.products.own_recurring import USED_FIELDS
from shared.domain.products.product_state import ProductState, product_id
from shared.domain.products.rows import StoredProductRow
from shared.ports import LoadedProduct, StoredRows, Version, Write
from tests.fake_sync_writes import Written, compare, put, put_product
from tests.fakes import FakeStore


class FakeProductSyncs:
    """States and rows of products, stored in the fake store; records each commit."""

    def __init__(self, store: FakeStore) -> None:
        self.store = store
        self.commits: list[tuple[ProductState, Written]] = []
        self.reads = 0  # of rows

    def load(self, sync_id: str, /) -> LoadedProduct | None:
        found: LoadedProduct | None = self.store.calls.around("products.load", lambda: self.store.products.get(sync_id))
        return found

    def save(self, state: ProductState, *, expected: Version, writes: Sequence[Write] = ()) -> Version:
        def call() -> Version:
            with self.store.lock:
                stored = self.store.products.get(state.sync_id)
                compare(self.store, state.connection_id, writes)
                if stored is None or stored.version != expected:
                    raise Conflict
                for write in writes:
                    put(write, self.store, state)
                self.commits.append((state, Written(writes)))
                return put_product(self.store, state)

        return self.store.calls.around("products.save", call)

    def due(self, now: datetime, *, limit: int) -> list[LoadedProduct]:
        waiting = [(one.state.due_at, one) for one in self.store.products.values()]
        late = [(at, one) for at, one in waiting if at is not None and at <= now]
        return [one for _, one in sorted(late, key=lambda pair: pair[0])][:limit]

    def of_connection(self, connection_id: str, kinds: Collection[ProductKind]) -> dict[ProductKind, LoadedProduct]:
        def call() -> dict[ProductKind, LoadedProduct]:
            found = {kind: self.store.products.get(product_id(connection_id, kind)) for kind in kinds}
            return {kind: one for kind, one in found.items() if one is not None}

        return self.store.calls.around("products.of_connection", call)  # type: ignore[no-any-return]

    def stored_rows(
        self, connection_id: str, kind: ProductKind, *, since: date | None = None, account_id: str | None = None
    ) -> StoredRows:
        def fits(fields: dict[str, Any]) -> bool:
            return account_id in (None, fields["account_id"]) and (since is None or fields["date"] >= str(since))

        def call() -> StoredRows:
            self.reads += 1
            rows = self.store.product_rows.get((connection_id, kind), {})
            found = {i: dict(fields) for i, fields in rows.items() if fits(fields)}
            versions = {i: self.store.product_versions[connection_id, kind, i] for i in found}
            return StoredRows({i: StoredProductRow.of(i, fields) for i, fields in found.items()}, versions)

        return self.store.calls.around("products.stored_rows", call)  # type: ignore[no-any-return]

    def transactions_since(self, connection_id: str, day: date) -> list[Mapping[str, Any]]:
        rows = self.store.rows.get(connection_id, {}).values()
        return [{name: row.get(name) for name in USED_FIELDS} for row in rows if row["date"] >= str(day)]

    def write_user(self, connection_id: str, row_id: str, user: dict[str, Any]) -> None:
        """Write on a recurring stream as a user's app does."""
        self.store.product_rows[connection_id, ProductKind.RECURRING][row_id]["user"] = user
        self.store.product_versions[connection_id, ProductKind.RECURRING, row_id] = self.store.next_version()


class StoredConsents:
    """The port `ProductConsents`, over the stored states."""

    def __init__(self, store: FakeStore) -> None:
        self.store = store

    def lacking(self, connection_id: str) -> frozenset[ProductKind]:
        views = [view for view in self.store.product_views.values() if view.connection_id == connection_id]
        return frozenset(view.kind for view in views if view.status is ProductStatus.NEEDS_CONSENT)
