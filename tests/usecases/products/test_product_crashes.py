"""A process that dies at any outside call of a product's sync loses nothing, and brings nothing back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shared.usecases.products import read_product, store_answer
from tests.fake_products import holding_row, liability_row, stream_row, trade_row
from tests.fakes import Crash
from tests.usecases.products.ground import HOLDINGS, LIABILITIES, RECURRING, TRADES, ProductWorld


def first_sync(world: ProductWorld) -> None:
    world.invested()


def changed(world: ProductWorld) -> None:
    """A sold position, an ended and a replaced stream, a vanished and a corrected trade."""
    world.invested()
    world.settle_products()
    world.products.write_user("1", "rent", {"name": "Flat"})
    data = world.data()
    data.drop(HOLDINGS, "broker.fund")
    data.put(HOLDINGS, holding_row("broker", "other"), holding_row("broker", "cash", quantity="7"))
    data.drop(RECURRING, "rent", "gym")
    data.put(RECURRING, stream_row("rent-2"))
    data.put(LIABILITIES, liability_row("card", last_statement_balance="1.00"))
    data.drop(TRADES, "t1", "t2")
    data.put(TRADES, trade_row("t3", day="2026-02-04", name="corrected"), trade_row("t9", day="2026-02-27"))
    for kind in (HOLDINGS, RECURRING, LIABILITIES, TRADES):
        world.product_requests.by_operator("1", [kind])


HISTORIES = [first_sync, changed]


@pytest.fixture(params=["one commit", "several commits"])
def _size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "several commits":
        monkeypatch.setattr(store_answer, "ROWS_AT_ONCE", 1)
        monkeypatch.setattr(read_product, "PAGE_ROWS", 2)


@pytest.mark.usefixtures("_size")
@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("where", ["crash_before", "crash_after"])
def test_a_crash_at_any_outside_call_loses_nothing(history: Callable[[ProductWorld], None], where: str) -> None:
    undisturbed = ProductWorld()
    history(undisturbed)
    start = len(undisturbed.calls.log)
    undisturbed.settle_products()
    assert undisturbed.products_equal_truth()
    calls = len(undisturbed.calls.log)
    assert calls - start >= 20
    for number in range(start, calls):
        world = ProductWorld()
        history(world)
        setattr(world.calls, where, number)
        with pytest.raises(Crash):
            world.settle_products()
        setattr(world.calls, where, None)
        world.settle_products()
        assert world.products_equal_truth(), f"{where} {undisturbed.calls.log[number]} ({number})"
        for kind in world.kinds:
            assert world.product(kind).rows == len(world.truth(kind)), f"{kind} {where} {number}"


@pytest.mark.parametrize("where", ["crash_before", "crash_after"])
def test_a_note_survives_a_crash_while_its_stream_is_replaced(where: str) -> None:
    undisturbed = ProductWorld(RECURRING)
    changed_stream(undisturbed)
    start = len(undisturbed.calls.log)
    undisturbed.request(RECURRING)
    for number in range(start, len(undisturbed.calls.log)):
        world = ProductWorld(RECURRING)
        changed_stream(world)
        setattr(world.calls, where, number)
        with pytest.raises(Crash):
            world.request(RECURRING)
        setattr(world.calls, where, None)
        world.request(RECURRING)
        assert world.store.product_rows["1", RECURRING]["rent-2"]["user"] == {"name": "Flat"}


def changed_stream(world: ProductWorld) -> None:
    """A stream with a note gets another id."""
    world.invested()
    world.settle_products()
    world.products.write_user("1", "rent", {"name": "Flat"})
    world.data().drop(RECURRING, "rent")
    world.data().put(RECURRING, stream_row("rent-2"))
