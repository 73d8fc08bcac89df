"""Accounts and rows of a replaced connection are matched one to one, and never by guessing."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from shared.domain.account import Account
from shared.domain.history_matching import MAX_DAYS, HistoryRow, match_accounts, place_notes
from shared.domain.overlap import Holding
from tests.fakes import account

ACCOUNTS = {"old": "new"}
NOTE = {"note": "n"}
AT = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = date(2026, 1, 1)


def old(name: str, day: int, note: Any = NOTE, **changes: Any) -> HistoryRow:
    return made(name, day, account_id="old", note=note, **changes)


def new(name: str, day: int, **changes: Any) -> HistoryRow:
    return made(name, day, account_id="new", **changes)


def made(name: str, day: int, **changes: Any) -> HistoryRow:
    plain = {"amount": "5.00", "currency": "USD", "name": "Coffee", "note": None}
    on = (FIRST + timedelta(days=day)).isoformat()
    return HistoryRow(transaction_id=name, date=on, **{**plain, **changes})


def partners(olds: list[HistoryRow], news: list[HistoryRow]) -> dict[str, str | None]:
    groups = place_notes(olds, news, ACCOUNTS)
    return {
        one.row.transaction_id: one.partner.transaction_id if one.partner else None for group in groups for one in group
    }


def holding(connection_id: str, *accounts: Account, institution_id: str | None = "ins_1") -> Holding:
    return Holding(connection_id, institution_id, AT, usable=True, accounts=accounts)


def test_nearest_date_wins() -> None:
    assert partners([old("o", 10)], [new("n8", 8), new("n11", 11), new("n13", 13)]) == {"o": "n11"}


def test_pairs_of_the_same_day_come_before_farther_ones() -> None:
    assert partners([old("a", 10), old("b", 12)], [new("x", 12), new("y", 14)]) == {"a": None, "b": "x"}
    assert partners([old("a", 11), old("b", 12)], [new("x", 12), new("y", 13)]) == {"a": "y", "b": "x"}


def test_row_without_a_note_takes_its_own_partner() -> None:
    assert partners([old("a", 10), old("b", 11, None)], [new("x", 11)]) == {"a": None}


def test_two_candidates_at_the_same_distance_are_ambiguous() -> None:
    assert partners([old("o", 10)], [new("before", 9), new("after", 11)]) == {"o": None}


def test_ambiguous_row_takes_no_farther_partner_either() -> None:
    assert partners([old("o", 10)], [new("x", 10), new("y", 10), new("z", 12)]) == {"o": None}


@pytest.mark.parametrize(
    ("notes", "count", "moves"),
    [
        ((NOTE, NOTE), 2, True),
        ((NOTE, {"note": "m"}), 2, False),
        ((NOTE, None), 2, False),
        ((NOTE, NOTE), 1, False),
        ((NOTE,), 2, False),
    ],
)
def test_equal_rows_of_one_day_are_paired_only_if_there_is_nothing_to_choose(
    notes: tuple[Any, ...], count: int, moves: bool
) -> None:
    olds = [old(f"o{n}", 10, note) for n, note in enumerate(notes)]
    found = partners(olds, [new(f"n{n}", 10) for n in range(count)])
    assert [partner is not None for partner in found.values()] == [moves] * sum(note is not None for note in notes)


def test_currency_and_account_must_be_equal() -> None:
    assert partners([old("o", 10)], [new("n", 10, currency="EUR")]) == {"o": None}
    assert partners([old("o", 10)], [made("n", 10, account_id="another")]) == {"o": None}
    assert partners([old("o", 10, currency=None)], [new("n", 10, currency=None)]) == {"o": "n"}


def test_row_of_an_unmatched_account_has_no_partner() -> None:
    lonely = made("o", 10, account_id="unknown", note=NOTE)
    assert partners([lonely], [new("n", 10), made("m", 10, account_id="unknown")]) == {"o": None}


def test_amount_that_is_no_number_is_compared_as_text() -> None:
    assert partners([old("o", 10, amount="x")], [new("n", 10, amount="x")]) == {"o": "n"}


def test_groups_are_independent_of_each_other() -> None:
    """Moving the notes of one group, which deletes its old rows, changes no partner in another group."""
    chance = random.Random(20)
    for _ in range(300):
        olds = [old(f"o{n}", chance.randrange(30), chance.choice([None, NOTE, {"note": "m"}])) for n in range(8)]
        news = [new(f"n{n}", chance.randrange(30)) for n in range(8)]
        groups = place_notes(olds, news, ACCOUNTS)
        expected = partners(olds, news)
        for group in groups:
            gone = {one.row.transaction_id for one in group}
            left = partners([row for row in olds if row.transaction_id not in gone], news)
            assert left == {name: partner for name, partner in expected.items() if name not in gone}


def test_pairs_are_one_to_one_and_at_most_three_days_apart() -> None:
    chance = random.Random(21)
    for _ in range(300):
        olds = [old(f"o{n}", chance.randrange(12), chance.choice([NOTE, {"note": "m"}])) for n in range(6)]
        news = [new(f"n{n}", chance.randrange(12)) for n in range(6)]
        chance.shuffle(olds)
        found = partners(olds, news)
        assert found.keys() == {row.transaction_id for row in olds}
        taken = [partner for partner in found.values() if partner is not None]
        assert len(taken) == len({*taken})
        days = {row.transaction_id: date.fromisoformat(row.date) for row in (*olds, *news)}
        alone = [o for o, n in found.items() if n is not None and abs(days[o] - days[n]) > timedelta(days=MAX_DAYS)]
        assert alone == []
        assert partners(sorted(olds, key=str), sorted(news, key=str)) == found, "the order of reading does not matter"


def test_persistent_id_matches_before_everything_else() -> None:
    before = {**account("a", name="Old name"), "persistent_account_id": "p"}
    after = {**account("b", name="New name", mask="9"), "persistent_account_id": "p"}
    assert match_accounts(holding("1", before), holding("2", after, institution_id="ins_2")) == {"a": "b"}  # type: ignore[arg-type]


def test_same_name_and_mask_match_only_at_the_same_institution() -> None:
    assert match_accounts(holding("1", account("a")), holding("2", account("b"))) == {"a": "b"}
    assert match_accounts(holding("1", account("a")), holding("2", account("b"), institution_id="ins_2")) == {}
    nowhere = holding("1", account("a"), institution_id=None)
    assert match_accounts(nowhere, holding("2", account("b"), institution_id=None)) == {}


def test_accounts_of_different_subtypes_do_not_match() -> None:
    savings: Account = {**account("b"), "subtype": "savings"}
    assert match_accounts(holding("1", account("a")), holding("2", savings)) == {}


def test_two_accounts_with_one_name_and_mask_match_none() -> None:
    twice = holding("1", account("a"), account("b"))
    assert match_accounts(twice, holding("2", account("c"), account("d"))) == {}
    assert match_accounts(twice, holding("2", account("c"))) == {}
    assert match_accounts(holding("1", account("a")), holding("2", account("c"), account("d"))) == {}


def test_persistent_ids_tell_accounts_of_one_name_apart() -> None:
    def with_id(account_id: str, persistent_id: str) -> Account:
        return {**account(account_id), "persistent_account_id": persistent_id}

    one = holding("1", with_id("a", "p"), with_id("b", "q"))
    assert match_accounts(one, holding("2", with_id("c", "q"), with_id("d", "p"))) == {"a": "d", "b": "c"}
    assert match_accounts(one, holding("2", with_id("c", "q"), account("d"))) == {"b": "c", "a": "d"}


def test_account_without_a_mask_matches_only_if_all_accounts_are_equal() -> None:
    one = holding("1", account("a", mask=""), account("b", name="Savings"))
    assert match_accounts(one, holding("2", account("c", mask=""), account("d", name="Savings"))) == {
        "a": "c",
        "b": "d",
    }
    more = holding("2", account("c", mask=""), account("d", name="Savings"), account("e", name="Third"))
    assert match_accounts(one, more) == {"b": "d"}


def test_note_of_empty_values_counts_as_none() -> None:
    stored = {
        "transaction_id": "t",
        "account_id": "a",
        "date": "2026-01-01",
        "amount": "1",
        "name": "x",
        "unofficial_currency_code": "BTC",
        "user": {"note": "", "tags": [], "hidden": False},
    }
    assert HistoryRow.of(stored).note is None
    assert HistoryRow.of(stored).currency == "BTC"
    assert HistoryRow.of({**stored, "user": {"hidden": True}}).note == {"hidden": True}
