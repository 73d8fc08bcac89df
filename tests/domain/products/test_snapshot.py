"""What an answer changes in the stored rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.products.kinds import ProductKind
from shared.domain.products.snapshot import (
    CONFIRMED_AFTER,
    ProductRow,
    Snapshot,
    SnapshotChange,
    StoredProductRow,
    compare,
    digest_of,
    digest_of_snapshot,
)
from tests.fakes import START, account

Stored = dict[str, StoredProductRow]
MINUTE = timedelta(minutes=1)


def row(row_id: str, account_id: str = "broker", **fields: Any) -> ProductRow:
    return ProductRow(row_id, account_id, {"account_id": account_id, "quantity": "1", **fields})


def stored(*rows: ProductRow, user: dict[str, Any] | None = None) -> Stored:
    owned = {"connection_id": "c", "app_user_id": "alice"}
    return {one.row_id: StoredProductRow.of(one.row_id, {**one.fields, **owned, "user": user}) for one in rows}


def answer(*rows: ProductRow, balance: str | None = "10.50", **more: Any) -> Snapshot:
    broker = account("broker")
    broker["balances"]["current"] = balance
    return Snapshot(kind=ProductKind.HOLDINGS, rows=rows, accounts=(broker,), **more)


def change(
    before: Stored,
    snapshot: Snapshot,
    *,
    revoked: Collection[str] = (),
    hollow: Mapping[str, datetime] | None = None,
    now: datetime = START,
) -> SnapshotChange:
    return compare(before, snapshot, revoked=revoked, hollow=hollow or {}, now=now)


A, B, C = row("a"), row("b"), row("c")


def test_an_unchanged_answer_changes_nothing() -> None:
    assert change(stored(A, B), answer(A, B)) == SnapshotChange(unchanged=2)


def test_new_and_changed_rows_are_written_and_sold_ones_deleted() -> None:
    more = row("b", quantity="2")
    found = change(stored(A, B), answer(more, C))
    assert (found.upserts, found.deletes, found.unchanged) == ((more, C), ("a",), 0)
    assert found.changes_rows


def test_what_the_user_wrote_and_the_owner_are_no_change() -> None:
    assert not change(stored(A, user={"muted": True}), answer(A)).changes_rows


class TestHollowAnswers:
    def test_an_empty_answer_deletes_nothing(self) -> None:
        found = change(stored(A, B), answer())
        assert (found.deletes, found.unchanged, found.hollow) == ((), 2, {"broker": START})
        assert found.confirm_at == START + CONFIRMED_AFTER

    def test_a_second_empty_answer_within_hours_deletes_nothing(self) -> None:
        soon = START + CONFIRMED_AFTER - MINUTE
        found = change(stored(A), answer(), hollow={"broker": START}, now=soon)
        assert (found.deletes, found.hollow) == ((), {"broker": START})

    def test_a_second_empty_answer_hours_later_confirms_that_the_rows_are_gone(self) -> None:
        found = change(stored(A, B), answer(), hollow={"broker": START}, now=START + CONFIRMED_AFTER)
        assert (found.deletes, found.hollow, found.confirm_at) == (("a", "b"), {}, None)

    def test_an_answer_with_rows_in_between_begins_the_wait_again(self) -> None:
        full = change(stored(A), answer(A), hollow={"broker": START}, now=START + CONFIRMED_AFTER)
        assert full.hollow == {}
        later = START + 2 * CONFIRMED_AFTER
        assert change(stored(A), answer(), hollow=full.hollow, now=later).hollow == {"broker": later}

    @pytest.mark.parametrize("balance", ["0", "0.00", "-0"])
    def test_an_account_without_a_balance_may_be_empty_at_once(self, balance: str) -> None:
        assert change(stored(A), answer(balance=balance)).deletes == ("a",)

    @pytest.mark.parametrize("balance", [None, "0.01", "-5", "unreadable"])
    def test_an_account_whose_balance_is_not_zero_must_be_confirmed(self, balance: str | None) -> None:
        assert change(stored(A), answer(balance=balance)).deletes == ()

    def test_an_account_that_the_answer_does_not_list_must_be_confirmed(self) -> None:
        other = row("z", "other")
        assert change(stored(A, other), answer(A)).hollow == {"other": START}

    def test_an_account_that_has_one_row_left_is_not_hollow(self) -> None:
        assert change(stored(A, B), answer(A)).deletes == ("b",)


class TestRevokedAccounts:
    def test_rows_of_a_revoked_account_are_deleted_and_not_written(self) -> None:
        found = change(stored(A), answer(A, B), revoked=["broker"], hollow={"broker": START})
        assert (found.upserts, found.deletes, found.hollow) == ((), ("a",), {})

    def test_rows_of_a_revoked_account_need_no_confirmation(self) -> None:
        assert change(stored(A), answer(), revoked=["broker"]).deletes == ("a",)

    def test_other_accounts_stay_as_they_are(self) -> None:
        other = row("z", "other")
        assert change(stored(A, other), answer(A, other), revoked=["broker"]).deletes == ("a",)


class TestUnusableRows:
    def test_a_row_that_cannot_be_used_keeps_its_stored_version(self) -> None:
        found = change(stored(A, B), answer(A, unreadable=frozenset({"b"})))
        assert not found.changes_rows

    def test_while_a_row_has_no_id_what_is_missing_must_be_confirmed(self) -> None:
        odd = answer(row("a", quantity="7"), nameless=1, balance="0")
        first = change(stored(A, B), odd)
        assert (len(first.upserts), first.deletes, first.hollow) == (1, (), {"broker": START})
        second = change(stored(A, B), odd, hollow=first.hollow, now=START + CONFIRMED_AFTER)
        assert (second.deletes, second.hollow) == (("b",), {})

    def test_not_even_an_unreadable_answer_keeps_a_revoked_account(self) -> None:
        odd = answer(nameless=1, unreadable=frozenset({"a"}))
        assert change(stored(A), odd, revoked=["broker"]).deletes == ("a",)


def test_a_liability_has_the_time_of_its_last_change() -> None:
    def compared(before: Stored, *rows: ProductRow, now: datetime) -> SnapshotChange:
        card = Snapshot(kind=ProductKind.LIABILITIES, rows=rows)
        return compare(before, card, revoked=(), hollow={}, now=now)

    [first] = compared({}, A, now=START).upserts
    assert first.fields == {**A.fields, "updated_at": START}
    assert not compared(stored(first), A, now=START + MINUTE).changes_rows
    [second] = compared(stored(first), row("a", quantity="2"), now=START + MINUTE).upserts
    assert second.fields["updated_at"] == START + MINUTE


def test_a_digest_does_not_depend_on_order_or_on_absent_values() -> None:
    assert digest_of({"a": "1", "b": {"c": None, "d": [1, None]}}) == digest_of({"b": {"d": [1, None]}, "a": "1"})
    assert digest_of({"a": "1"}) != digest_of({"a": "1.0"})
    assert digest_of({"a": ["x", "y"]}) != digest_of({"a": ["y", "x"]})


def test_answers_are_equal_if_no_row_differs() -> None:
    def digest(*rows: ProductRow, **more: Any) -> str:
        return digest_of_snapshot(answer(*rows, **more), revoked=())

    assert digest(A, B) == digest(B, A) == digest(A, B, request_id="r2", balance="99")
    assert len({digest(A), digest(A, B), digest(), digest(A, nameless=1), digest(replace(A, row_id="x"))}) == 5
    assert digest_of_snapshot(answer(A, B), revoked=["broker"]) == digest()


ACCOUNTS = st.sampled_from(["broker", "other", "third"])
QUANTITIES = st.sampled_from(["1", "2"])
MOVING = st.builds(
    lambda i, account_id, n: row(i, account_id, quantity=n), st.sampled_from("abcdef"), ACCOUNTS, QUANTITIES
)
"""Rows that may move to another account."""
STAYING = st.builds(
    lambda i, account_id, n: row(f"{account_id}-{i}", account_id, quantity=n), st.integers(0, 3), ACCOUNTS, QUANTITIES
)


def answers(rows: st.SearchStrategy[ProductRow]) -> st.SearchStrategy[list[ProductRow]]:
    return st.lists(rows, max_size=8, unique_by=lambda one: one.row_id)


def applied(before: Stored, found: SnapshotChange) -> Stored:
    assert not {one.row_id for one in found.upserts} & {*found.deletes}
    assert {*found.deletes} <= before.keys()
    kept = {i: one for i, one in before.items() if i not in found.deletes}
    return kept | stored(*found.upserts)


def digests(rows: Stored) -> dict[str, str]:
    return {i: one.digest for i, one in rows.items()}


@given(answers(MOVING), answers(MOVING), st.sets(st.sampled_from(["broker", "other"])))
def test_two_equal_answers_hours_apart_make_the_store_equal_to_them(
    before: list[ProductRow], rows: list[ProductRow], revoked: set[str]
) -> None:
    first = change(stored(*before), answer(*rows), revoked=revoked)
    between = applied(stored(*before), first)
    second = change(between, answer(*rows), revoked=revoked, hollow=first.hollow, now=START + CONFIRMED_AFTER)
    truth = stored(*(one for one in rows if one.account_id not in revoked))
    assert digests(applied(between, second)) == digests(truth)
    assert not change(truth, answer(*rows), revoked=revoked).changes_rows


@given(answers(STAYING), answers(STAYING))
def test_one_answer_deletes_rows_only_of_accounts_that_have_others(
    before: list[ProductRow], rows: list[ProductRow]
) -> None:
    found = change(stored(*before), answer(*rows))
    present = {one.account_id for one in rows}
    gone = [one for one in before if one.row_id in found.deletes]
    assert all(one.account_id in present for one in gone)
    assert found.unchanged + len(found.deletes) + sum(one.row_id in stored(*before) for one in found.upserts) == len(
        before
    )
    assert {one.account_id for one in before} - present == found.hollow.keys()


@given(st.lists(st.tuples(answers(STAYING), st.integers(0, 9)), max_size=6))
def test_rows_vanish_only_if_they_are_missing_for_hours(given_answers: list[tuple[list[ProductRow], int]]) -> None:
    """Whatever the answers are, an account's last rows go only after two answers without any, hours apart."""
    now, rows, hollow = START, Stored(), dict[str, datetime]()
    empty_since: dict[str, datetime] = {}
    for listed, hours in given_answers:
        now += timedelta(hours=hours)
        found = compare(rows, answer(*listed), revoked=(), hollow=hollow, now=now)
        before, rows, hollow = rows, applied(rows, found), dict(found.hollow)
        present = {one.account_id for one in listed}
        empty_since = {i: empty_since.get(i, now) for i in {one.account_id for one in before.values()} - present}
        for account_id, since in empty_since.items():
            holds = any(one.account_id == account_id for one in rows.values())
            assert holds == (now - since < CONFIRMED_AFTER)
