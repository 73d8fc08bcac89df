"""The contract of the port `HistoryMoves` for recurring streams: the same tests over the fake and over Firestore."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from shared.adapters.firestore.audit import FirestoreAudit
from shared.adapters.firestore.history_moves import FirestoreHistoryMoves
from shared.domain.errors import Conflict
from shared.domain.history_move import HistoryMove
from shared.domain.products.kinds import ProductKind
from shared.domain.products.product_state import ProductState, product_id
from shared.ports import HistoryMoves, MoveStream, PutProduct, UpsertProductRows, Version
from tests.contract import test_product_syncs as ground
from tests.contract.test_product_syncs import NOW, RECURRING, created, position, stored, write
from tests.fake_history_moves import FakeHistoryMoves
from tests.fake_product_syncs import FakeProductSyncs

NOTE = {"name": "Flat", "muted": True}


@dataclass
class Ports:
    products: ground.Ports
    moves: HistoryMoves
    begin: Callable[[HistoryMove], Version]


@pytest.fixture(params=["fake", "firestore"])
def ports(request: pytest.FixtureRequest) -> Ports:
    if request.param == "fake":
        return _fake()
    return _firestore(request.getfixturevalue("firestore_client"))


def _fake() -> Ports:
    products = ground._fake()
    assert isinstance(products.products, FakeProductSyncs)
    store = products.products.store

    def begin(move: HistoryMove) -> Version:
        store.moves[move.connection_id] = (move, store.next_version())
        return store.moves[move.connection_id][1]

    return Ports(products, FakeHistoryMoves(store), begin)


def _firestore(client: Any) -> Ports:
    moves = FirestoreHistoryMoves(client, audit=FirestoreAudit(client, function="test", retention=timedelta(days=1)))

    def begin(move: HistoryMove) -> Version:
        client.document("bank_history_moves", move.connection_id).set(move.model_dump())
        found = moves.find(move.connection_id)
        assert found is not None
        return found[1]

    return Ports(ground._firestore(client), moves, begin)


@pytest.fixture
def names() -> tuple[str, str]:
    unique = uuid.uuid4().hex[:12]
    return f"stream-old-{unique}", f"stream-new-{unique}"


def begun(ports: Ports, names: tuple[str, str]) -> tuple[HistoryMove, Version]:
    """Two connections, of which the old one has two streams, and the new one another."""
    old, new = names
    write(
        ports.products,
        created(ports.products, old, RECURRING),
        UpsertProductRows(RECURRING, (position("o1"), position("o2"))),
    )
    write(
        ports.products,
        created(ports.products, new, RECURRING),
        UpsertProductRows(RECURRING, (position("n1", description="RENT"),)),
    )
    ports.products.write_user(old, "o1", NOTE)
    move = HistoryMove.new(connection_id=new, from_connection_id=old, app_user_id="alice", asked=True, now=NOW)
    return move, ports.begin(move)


def versions(ports: Ports, name: str) -> dict[str, Version]:
    return ports.products.products.stored_rows(name, RECURRING).versions


def users(ports: Ports, name: str) -> dict[str, Any]:
    return {i: row.user for i, row in ports.products.products.stored_rows(name, RECURRING).rows.items()}


def touched(ports: Ports, name: str) -> PutProduct:
    known = stored(ports.products, name, RECURRING)
    return PutProduct(known.state.rows_moved(1, now=NOW).touched(), known.version)


def test_a_note_moves_to_a_stream_of_the_new_connection(ports: Ports, names: tuple[str, str]) -> None:
    old, new = names
    move, version = begun(ports, names)
    there = versions(ports, old)
    steps = [
        MoveStream("o1", there["o1"], NOTE, onto=("n1", versions(ports, new)["n1"])),
        MoveStream("o2", there["o2"]),
    ]
    assert not ports.moves.is_empty(old)
    ports.moves.transfer(move, expected=version, steps=steps, product=touched(ports, new))
    assert users(ports, new) == {"n1": NOTE}
    assert (ports.products.row(new, RECURRING, "n1") or {})["description"] == "RENT"
    assert ports.moves.is_empty(old)
    assert ports.products.products.load(product_id(old, RECURRING)) is None
    assert stored(ports.products, new, RECURRING).state.rows == 1


def test_a_note_without_a_stream_is_kept_on_a_row_of_the_new_connection(ports: Ports, names: tuple[str, str]) -> None:
    old, new = names
    move, version = begun(ports, names)
    step = MoveStream("o1", versions(ports, old)["o1"], NOTE, kept=position("o1", moved_at=NOW))
    ports.moves.transfer(move, expected=version, steps=[step], product=touched(ports, new))
    assert users(ports, new) == {"n1": None, "o1": NOTE}
    row = ports.products.row(new, RECURRING, "o1") or {}
    assert (row["connection_id"], row["app_user_id"], row["moved_at"]) == (new, "alice", NOW)
    assert users(ports, old) == {"o2": None}


@pytest.mark.parametrize("changed", ["old", "new", "product"])
def test_nothing_moves_if_a_stream_or_the_product_changed_meanwhile(
    ports: Ports, names: tuple[str, str], changed: str
) -> None:
    old, new = names
    move, version = begun(ports, names)
    step = MoveStream("o1", versions(ports, old)["o1"], NOTE, onto=("n1", versions(ports, new)["n1"]))
    product = touched(ports, new)
    if changed == "product":
        write(ports.products, stored(ports.products, new, RECURRING))
    else:
        ports.products.write_user(old if changed == "old" else new, "o1" if changed == "old" else "n1", {"name": "x"})
    with pytest.raises(Conflict):
        ports.moves.transfer(move, expected=version, steps=[step], product=product)
    assert users(ports, old).keys() == {"o1", "o2"}
    assert users(ports, new) == {"n1": {"name": "x"} if changed == "new" else None}
    assert ports.moves.find(new) == (move, version)


def test_a_state_that_was_created_meanwhile_is_not_replaced(ports: Ports, names: tuple[str, str]) -> None:
    old, new = names
    move, version = begun(ports, names)
    state = ProductState.new(ProductKind.RECURRING, connection_id=new, app_user_id="alice", now=NOW)
    step = MoveStream("o2", versions(ports, old)["o2"])
    with pytest.raises(Conflict):
        ports.moves.transfer(move, expected=version, steps=[step], product=PutProduct(state, None))
