"""The contract of the port `ProductSyncs`: the same tests over the fake and over Firestore."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from shared.adapters.firestore.audit import FirestoreAudit
from shared.adapters.firestore.product_syncs import FirestoreProductSyncs
from shared.adapters.firestore.syncs import FirestoreSyncs
from shared.domain.errors import CommitTooLarge, Conflict
from shared.domain.products.kinds import COLLECTION, ProductKind, ProductStatus
from shared.domain.products.own_recurring import USED_FIELDS
from shared.domain.products.product_progress import ReadProduct
from shared.domain.products.product_state import ProductState, product_id
from shared.domain.products.rows import ProductRow
from shared.domain.sync_state import SyncState
from shared.ports import (
    DeleteProductRows,
    Loaded,
    LoadedProduct,
    ProductSyncs,
    PutProduct,
    Syncs,
    UpsertProductRows,
    Write,
)
from tests.fake_product_syncs import FakeProductSyncs
from tests.fakes import FakeStore, row

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
HOLDINGS, RECURRING, TRADES = ProductKind.HOLDINGS, ProductKind.RECURRING, ProductKind.INVESTMENT_TRANSACTIONS


@dataclass
class Ports:
    products: ProductSyncs
    syncs: Syncs
    connect: Callable[[str], Loaded]
    write_user: Callable[[str, str, dict[str, Any]], None]
    row: Callable[[str, ProductKind, str], dict[str, Any] | None]
    view: Callable[[str, ProductKind], dict[str, Any] | None]
    add_transaction: Callable[[str, str, str], None]


def _fake() -> Ports:
    store = FakeStore()
    products = FakeProductSyncs(store)

    def connect(name: str) -> Loaded:
        store.states[name] = Loaded(
            SyncState.new(connection_id=name, app_user_id="alice", now=NOW), store.next_version()
        )
        store.rows[name] = {}
        return store.states[name]

    def view(name: str, kind: ProductKind) -> dict[str, Any] | None:
        found = store.product_views.get(product_id(name, kind))
        return found.model_dump() if found else None

    return Ports(
        products,
        store,
        connect,
        products.write_user,
        lambda name, kind, i: store.product_rows.get((name, kind), {}).get(i),
        view,
        lambda name, i, day: store.put_row(name, i, {**row(i, date=day)}),
    )


def _firestore(client: Any) -> Ports:
    audit = FirestoreAudit(client, function="test", retention=timedelta(days=1))
    syncs = FirestoreSyncs(client, audit=audit)

    def connect(name: str) -> Loaded:
        state = SyncState.new(connection_id=name, app_user_id="alice", now=NOW)
        client.document("bank_sync_state", name).set(state.model_dump())
        loaded = syncs.load(name)
        assert loaded is not None
        return loaded

    def below(name: str, collection: str, i: str) -> Any:
        return client.document("bank_connections", name, collection, i)

    return Ports(
        FirestoreProductSyncs(client, audit=audit),
        syncs,
        connect,
        lambda name, i, user: below(name, "bank_recurring", i).update({"user": user}) and None,
        lambda name, kind, i: below(name, COLLECTION[kind], i).get().to_dict(),
        lambda name, kind: below(name, "bank_products", kind.value).get().to_dict(),
        lambda name, i, day: below(name, "bank_transactions", i).set(row(i, date=day)) and None,
    )


@pytest.fixture(params=["fake", "firestore"])
def ports(request: pytest.FixtureRequest) -> Ports:
    return _fake() if request.param == "fake" else _firestore(request.getfixturevalue("firestore_client"))


@pytest.fixture
def name() -> str:
    return f"products-{uuid.uuid4().hex[:12]}"


def planned(name: str, kind: ProductKind = HOLDINGS, *, now: datetime = NOW) -> ProductState:
    new = ProductState.new(kind, connection_id=name, app_user_id="alice", now=now)
    return new.planned(account_ids=["a"], revoked=[], source="ins_1", now=now)


def created(ports: Ports, name: str, kind: ProductKind = HOLDINGS, *, now: datetime = NOW) -> LoadedProduct:
    loaded = ports.connect(name)
    state = planned(name, kind, now=now)
    ports.syncs.save(loaded.state.touched(), expected=loaded.version, writes=[PutProduct(state, None)])
    return stored(ports, name, kind)


def stored(ports: Ports, name: str, kind: ProductKind = HOLDINGS) -> LoadedProduct:
    found = ports.products.load(product_id(name, kind))
    assert found is not None
    return found


def position(i: str, *, account_id: str = "a", **fields: Any) -> ProductRow:
    return ProductRow(i, account_id, {"account_id": account_id, "quantity": "1.5", "value": None, **fields})


def write(ports: Ports, loaded: LoadedProduct, *writes: Write) -> LoadedProduct:
    state = loaded.state.touched()
    return LoadedProduct(state, ports.products.save(state, expected=loaded.version, writes=writes))


def test_a_state_is_created_with_its_projection_in_a_commit_of_the_connection(ports: Ports, name: str) -> None:
    loaded = created(ports, name)
    assert loaded.state == planned(name)
    view = ports.view(name, HOLDINGS)
    assert view is not None
    assert (view["kind"], view["status"], view["app_user_id"]) == ("holdings", "syncing", "alice")
    assert view["counts"] == {"rows": 0}


def test_a_state_is_not_created_twice(ports: Ports, name: str) -> None:
    created(ports, name)
    loaded = ports.syncs.load(name)
    assert loaded is not None
    with pytest.raises(Conflict):
        ports.syncs.save(loaded.state.touched(), expected=loaded.version, writes=[PutProduct(planned(name), None)])


def test_a_state_is_not_created_for_a_connection_that_changed_meanwhile(ports: Ports, name: str) -> None:
    loaded = ports.connect(name)
    ports.syncs.save(loaded.state.touched(), expected=loaded.version)
    with pytest.raises(Conflict):
        ports.syncs.save(loaded.state.touched(), expected=loaded.version, writes=[PutProduct(planned(name), None)])
    assert ports.products.load(product_id(name, HOLDINGS)) is None


def test_a_commit_on_an_older_version_writes_nothing(ports: Ports, name: str) -> None:
    loaded = created(ports, name)
    write(ports, loaded)
    with pytest.raises(Conflict):
        write(ports, loaded, UpsertProductRows(HOLDINGS, (position("1"),)))
    assert ports.row(name, HOLDINGS, "1") is None


def test_a_changed_product_is_refused_in_a_commit_of_the_connection(ports: Ports, name: str) -> None:
    loaded = created(ports, name)
    write(ports, loaded)
    parent = ports.syncs.load(name)
    assert parent is not None
    removed = PutProduct(loaded.state.account_removed("a", now=NOW), loaded.version)
    with pytest.raises(Conflict):
        ports.syncs.save(parent.state.touched(), expected=parent.version, writes=[removed])


def test_rows_are_written_with_their_owner_and_read_back_with_their_digest(ports: Ports, name: str) -> None:
    loaded = created(ports, name)
    ports_row = position("a.1", security={"name": "Fund", "isin": None})
    write(ports, loaded, UpsertProductRows(HOLDINGS, (ports_row, position("a.2"))))
    found = ports.row(name, HOLDINGS, "a.1")
    assert found == {**ports_row.fields, "connection_id": name, "app_user_id": "alice"}
    rows = ports.products.stored_rows(name, HOLDINGS).rows
    assert rows.keys() == {"a.1", "a.2"}
    assert rows["a.1"].digest != rows["a.2"].digest


def test_rows_can_be_read_by_account_and_by_day(ports: Ports, name: str) -> None:
    loaded = created(ports, name, TRADES)
    rows = (
        position("1", date="2026-01-31"),
        position("2", date="2026-02-01"),
        position("3", account_id="b", date="2026-02-02"),
    )
    write(ports, loaded, UpsertProductRows(TRADES, rows))
    assert ports.products.stored_rows(name, TRADES, since=date(2026, 2, 1)).rows.keys() == {"2", "3"}
    assert ports.products.stored_rows(name, TRADES, account_id="b").rows.keys() == {"3"}


def test_rows_are_deleted_by_their_version(ports: Ports, name: str) -> None:
    loaded = write(ports, created(ports, name), UpsertProductRows(HOLDINGS, (position("1"), position("2"))))
    versions = ports.products.stored_rows(name, HOLDINGS).versions
    write(ports, loaded, DeleteProductRows(HOLDINGS, {"1": versions["1"]}))
    assert ports.products.stored_rows(name, HOLDINGS).rows.keys() == {"2"}


def test_a_stream_on_which_its_user_writes_meanwhile_is_not_deleted(ports: Ports, name: str) -> None:
    loaded = write(ports, created(ports, name, RECURRING), UpsertProductRows(RECURRING, (position("1"),)))
    versions = ports.products.stored_rows(name, RECURRING).versions
    ports.write_user(name, "1", {"name": "Rent"})
    with pytest.raises(Conflict):
        write(ports, loaded, DeleteProductRows(RECURRING, versions))


def test_what_a_user_wrote_on_a_stream_survives_its_update_and_can_be_inherited(ports: Ports, name: str) -> None:
    loaded = write(ports, created(ports, name, RECURRING), UpsertProductRows(RECURRING, (position("1"),)))
    ports.write_user(name, "1", {"name": "Rent"})
    loaded = write(ports, loaded, UpsertProductRows(RECURRING, (position("1", description="new"),)))
    kept = ports.products.stored_rows(name, RECURRING)
    assert kept.rows["1"].user == {"name": "Rent"}
    successor = UpsertProductRows(RECURRING, (position("2"),), notes={"2": kept.rows["1"].user or {}})
    write(ports, loaded, successor, DeleteProductRows(RECURRING, kept.versions))
    rows = ports.products.stored_rows(name, RECURRING).rows
    assert {i: found.user for i, found in rows.items()} == {"2": {"name": "Rent"}}


def test_due_states_are_found_the_longest_due_first(ports: Ports, name: str) -> None:
    created(ports, f"{name}-late", now=NOW - timedelta(days=4000, minutes=5))
    created(ports, f"{name}-early", now=NOW - timedelta(days=4000, hours=5))
    created(ports, f"{name}-future")
    found = [one.state.connection_id for one in ports.products.due(NOW - timedelta(days=4000), limit=10_000)]
    assert [i for i in found if i.startswith(name)] == [f"{name}-early", f"{name}-late"]


def test_the_states_of_a_connection_are_found_by_kind(ports: Ports, name: str) -> None:
    created(ports, name)
    found = ports.products.of_connection(name, [HOLDINGS, RECURRING])
    assert {kind: one.state.sync_id for kind, one in found.items()} == {HOLDINGS: f"{name}.holdings"}


def test_every_field_of_a_state_is_stored_and_read_back(ports: Ports, name: str) -> None:
    loaded = created(ports, name, TRADES)
    read = ReadProduct(
        rows=3,
        changed=True,
        digest="d",
        hollow={"a": NOW},
        confirm_at=NOW + timedelta(hours=6),
        read_until=NOW.date(),
        full_pass_at=NOW,
    )
    run = loaded.state.claim(now=NOW, owner="task#1")
    state = run.complete(read, now=NOW, jitter=0.5, outcome=ProductStatus.READY)
    version = ports.products.save(state, expected=loaded.version)
    assert stored(ports, name, TRADES) == LoadedProduct(state, version)
    assert state.read_until == "2026-03-01"


def test_transactions_are_read_from_a_day_on(ports: Ports, name: str) -> None:
    ports.connect(name)
    ports.add_transaction(name, "old", "2025-12-31")
    ports.add_transaction(name, "new", "2026-01-01")
    found = ports.products.transactions_since(name, date(2026, 1, 1))
    assert [one["transaction_id"] for one in found] == ["new"]
    assert all({*one} == {*USED_FIELDS} for one in found)


def test_a_commit_that_is_too_large_writes_nothing(ports: Ports, name: str) -> None:
    if isinstance(ports.products, FakeProductSyncs):
        ports.products.store.max_writes = 3
    loaded = created(ports, name)
    rows = tuple(position(str(number), text="x" * 1_000_000) for number in range(5))
    with pytest.raises(CommitTooLarge):
        write(ports, loaded, UpsertProductRows(HOLDINGS, rows))
    assert not ports.products.stored_rows(name, HOLDINGS).rows
