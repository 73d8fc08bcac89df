"""Streams that change their price or their id."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.products.kinds import ProductKind
from shared.domain.products.recurring import RecurringStream, replaced, row_of
from shared.domain.products.rows import ProductRow, StoredProductRow
from shared.domain.products.snapshot import Snapshot, SnapshotChange, compare
from tests.fakes import START

LATER = START + timedelta(days=30)


def stream(stream_id: str = "s1", **changes: Any) -> ProductRow:
    plain: RecurringStream = {
        "stream_id": stream_id,
        "account_id": "checking",
        "direction": "out",
        "description": "VIDEO 123",
        "merchant_name": "Video",
        "category": None,
        "frequency": "MONTHLY",
        "status": "MATURE",
        "is_active": True,
        "first_date": "2025-12-01",
        "last_date": "2026-02-01",
        "predicted_next_date": "2026-03-01",
        "average_amount": "9.99",
        "last_amount": "9.99",
        "currency": "USD",
        "transaction_ids": ["t1", "t2", "t3"],
        "source": "plaid",
    }
    return row_of({**plain, **changes})  # type: ignore[typeddict-item]


def keep(*rows: ProductRow, user: dict[str, Any] | None = None) -> dict[str, StoredProductRow]:
    return {one.row_id: StoredProductRow.of(one.row_id, {**one.fields, "user": user}) for one in rows}


def change(stored: dict[str, StoredProductRow], *rows: ProductRow) -> SnapshotChange:
    snapshot = Snapshot(kind=ProductKind.RECURRING, rows=rows)
    return compare(stored, snapshot, revoked=(), hollow={}, now=LATER)


class TestPriceChanges:
    def test_a_new_price_names_the_one_before_and_the_time(self) -> None:
        [written] = change(keep(stream()), stream(last_amount="12.99", last_date="2026-03-01")).upserts
        assert (written.fields["last_amount"], written.fields["amount_before"]) == ("12.99", "9.99")
        assert written.fields["amount_changed_at"] == LATER

    def test_a_price_change_is_kept_until_the_next_one(self) -> None:
        [dearer] = change(keep(stream()), stream(last_amount="12.99")).upserts
        [booked] = change(keep(dearer), stream(last_amount="12.99", last_date="2026-03-01")).upserts
        assert (booked.fields["amount_before"], booked.fields["amount_changed_at"]) == ("9.99", LATER)
        [again] = change(keep(booked), stream(last_amount="14.99")).upserts
        assert again.fields["amount_before"] == "12.99"

    def test_a_known_price_change_is_no_difference(self) -> None:
        [dearer] = change(keep(stream()), stream(last_amount="12.99")).upserts
        assert not change(keep(dearer), stream(last_amount="12.99")).changes_rows

    def test_the_same_amount_written_otherwise_is_no_price_change(self) -> None:
        [written] = change(keep(stream()), stream(last_amount="9.990", last_date="2026-03-01")).upserts
        assert "amount_before" not in written.fields

    def test_an_unknown_amount_is_no_price_change(self) -> None:
        [written] = change(keep(stream()), stream(last_amount=None)).upserts
        assert "amount_before" not in written.fields

    def test_a_new_stream_has_no_earlier_price(self) -> None:
        [written] = change({}, stream()).upserts
        assert written.fields.keys().isdisjoint({"amount_before", "amount_changed_at"})

    def test_a_stream_under_a_new_id_is_compared_with_the_old_one(self) -> None:
        [written] = change(keep(stream("s1")), stream("s2", last_amount="12.99")).upserts
        assert (written.row_id, written.fields["amount_before"]) == ("s2", "9.99")


class TestReplacedStreams:
    def test_a_stream_of_the_same_merchant_replaces_one_that_ended(self) -> None:
        found = change(keep(stream("s1"), user={"muted": True}), stream("s2"))
        assert (found.inherited, found.deletes) == ({"s2": "s1"}, ("s1",))

    def test_merchants_are_compared_without_case_and_spaces(self) -> None:
        assert change(keep(stream("s1")), stream("s2", merchant_name=" VIDEO")).inherited == {"s2": "s1"}

    def test_without_a_merchant_the_description_decides(self) -> None:
        old = keep(stream("s1", merchant_name=None, description="Rent  of flat"))
        assert change(old, stream("s2", merchant_name=None, description="RENT of flat")).inherited == {"s2": "s1"}

    def test_a_stream_that_still_exists_keeps_its_notes(self) -> None:
        assert change(keep(stream("s1")), stream("s1"), stream("s2")).inherited == {}

    def test_another_account_direction_or_merchant_inherits_nothing(self) -> None:
        for other in ({"account_id": "card"}, {"direction": "in"}, {"merchant_name": "Music"}):
            kept = stream("kept", merchant_name="Gym")
            found = change(keep(stream("s1"), kept), kept, stream("s2", **other))
            assert (found.inherited, found.deletes) == ({}, ("s1",)), other

    def test_our_own_stream_is_replaced_by_that_of_plaid(self) -> None:
        old = keep(stream("own-1", source="own"), user={"name": "Films"})
        assert change(old, stream("s2")).inherited == {"s2": "own-1"}

    def test_the_streams_of_one_merchant_are_told_apart_by_interval_and_amount(self) -> None:
        old = keep(
            stream("a", average_amount="2.99"),
            stream("b", average_amount="9.99"),
            stream("c", frequency="ANNUALLY", average_amount="9.98"),
        )
        new = (
            stream("x", frequency="ANNUALLY", average_amount="2.99"),
            stream("y", average_amount="10.49"),
            stream("z", average_amount="3.49"),
        )
        assert change(old, *new).inherited == {"x": "c", "y": "b", "z": "a"}

    def test_each_stream_inherits_from_one_and_each_is_inherited_once(self) -> None:
        olds = list(keep(stream("a"), stream("b")).values())
        assert replaced([stream("x")], olds) == {"x": "a"}
        assert replaced([stream("x"), stream("y")], olds[:1]) == {"x": "a"}

    def test_a_stream_of_a_hollow_answer_is_not_replaced(self) -> None:
        found = change(keep(stream("s1")))
        assert (found.inherited, found.deletes) == ({}, ())


STREAMS = st.lists(
    st.builds(
        lambda i, merchant, amount, frequency: stream(
            i, merchant_name=merchant, average_amount=amount, last_amount=amount, frequency=frequency
        ),
        st.sampled_from("abcdef"),
        st.sampled_from(["Video", "Music", None]),
        st.sampled_from(["1", "2.50", None, "unreadable"]),
        st.sampled_from(["MONTHLY", "WEEKLY"]),
    ),
    max_size=6,
    unique_by=lambda one: one.row_id,
)


@given(STREAMS, STREAMS)
def test_notes_move_only_from_deleted_to_new_streams_one_to_one(old: list[ProductRow], new: list[ProductRow]) -> None:
    found = change(keep(*old), *new)
    created = {one.row_id for one in found.upserts} - {one.row_id for one in old}
    assert found.inherited.keys() <= created
    assert {*found.inherited.values()} <= {*found.deletes}
    assert len({*found.inherited.values()}) == len(found.inherited)
