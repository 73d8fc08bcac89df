"""Which accounts are connected more than once, and which copy is counted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.account import Account, DuplicateOf
from shared.domain.overlap import Holding, LinkedAccount, duplicates_in, marked, overlap_of
from tests.fakes import START, account

BANK = "ins_1"


def connection(name: str, *accounts: Account, day: int = 0, bank: str | None = BANK, usable: bool = True) -> Holding:
    """A connection with these accounts, created on this day."""
    return Holding(name, bank, START + timedelta(days=day), usable, accounts)


def named(name: str, mask: str | None, *, account_id: str | None = None, persistent: str | None = None) -> Account:
    one = account(account_id or f"{name}-{mask}", name=name)
    return {**one, "mask": mask, "persistent_account_id": persistent}


def overlap(*ours: Account, with_: list[Holding], bank: str | None = BANK) -> tuple[str, list[str]] | None:
    found = overlap_of(bank, [LinkedAccount.of(one) for one in ours], with_)
    return (found.connection_id, [one["account_id"] for one in found.accounts]) if found else None


DAILY, SAVE, CARD = named("Daily", "1111"), named("Save", "2222"), named("Card", "3333")
CASH = named("Cash", None)


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ([DAILY, SAVE, CARD], [DAILY, SAVE], ["Daily-1111", "Save-2222"]),  # more accounts than before
        ([DAILY], [DAILY, SAVE], ["Daily-1111"]),  # fewer
        ([SAVE, DAILY], [DAILY, SAVE], ["Daily-1111", "Save-2222"]),  # another order
        ([SAVE, CARD], [DAILY, SAVE], ["Save-2222"]),  # one in common
        ([CARD], [DAILY, SAVE], None),
        ([named("Daily", "9999")], [DAILY], None),  # another number
        ([named("Everyday", "1111")], [DAILY], None),  # another name
        ([named("daily", "1111")], [DAILY], None),
        ([CASH], [CASH], ["Cash-None"]),  # no mask, but the whole sets are equal
        ([CASH, DAILY], [DAILY, CASH], ["Daily-1111", "Cash-None"]),
        ([CASH, DAILY], [CASH, SAVE], None),  # a name alone is no evidence
        ([CASH, DAILY], [CASH], None),
        ([CASH, DAILY], [CASH, DAILY, SAVE], ["Daily-1111"]),
        ([named("Cash", "")], [CASH], ["Cash-None"]),  # an empty mask counts as none
        ([CASH], [named("Cash", "1111")], None),
        ([named("", "1111")], [named("", "1111"), DAILY], None),  # a number alone is no evidence
        ([], [], None),
        ([], [DAILY], None),
        ([DAILY], [], None),
    ],
)
def test_accounts_overlap_one_by_one(ours: list[Account], theirs: list[Account], same: list[str] | None) -> None:
    found = overlap(*ours, with_=[connection("old", *theirs)])
    assert (sorted(found[1]) if found else None) == (sorted(same) if same else None)


def test_equal_persistent_id_is_the_same_account_under_any_name_at_any_bank() -> None:
    joint = named("Joint", "1111", persistent="p1")
    theirs = connection("old", joint, named("Save", "2222", persistent="p2"))
    again = named("Our account", "0000", persistent="p1")
    assert overlap(again, CARD, with_=[theirs]) == ("old", ["Joint-1111"])
    assert overlap(again, with_=[connection("old", joint, bank="ins_2")]) == ("old", ["Joint-1111"])
    assert overlap(again, with_=[connection("old", joint)], bank=None) == ("old", ["Joint-1111"])


def test_names_count_only_at_the_same_known_bank() -> None:
    assert overlap(DAILY, with_=[connection("old", DAILY, bank="ins_2")]) is None
    assert overlap(DAILY, with_=[connection("old", DAILY, bank=None)], bank=None) is None


def test_a_connection_in_error_does_not_count() -> None:
    assert overlap(DAILY, with_=[connection("old", DAILY, usable=False)]) is None


def test_two_accounts_that_look_alike_are_paired_one_by_one() -> None:
    one, other = named("Daily", "1111", account_id="one"), named("Daily", "1111", account_id="other")
    assert overlap(one, other, with_=[connection("old", DAILY)]) == ("old", ["Daily-1111"])
    assert duplicates_in([connection("old", DAILY), connection("new", one, other, day=1)]) == {
        ("new", "one"): DuplicateOf(connection_id="old", account_id="Daily-1111")
    }


def test_of_several_connections_the_one_with_the_most_of_the_accounts_is_named_then_the_oldest() -> None:
    first, second = connection("first", DAILY, day=1), connection("second", DAILY, SAVE, day=2)
    assert overlap(DAILY, SAVE, with_=[second, first]) == ("second", ["Daily-1111", "Save-2222"])
    assert overlap(DAILY, CARD, with_=[second, first]) == ("first", ["Daily-1111"])
    same_day = [connection("b", DAILY), connection("a", DAILY)]
    assert overlap(DAILY, with_=same_day) == overlap(DAILY, with_=same_day[::-1]) == ("a", ["Daily-1111"])


@pytest.mark.parametrize("hint", [LinkedAccount(None, "1111"), LinkedAccount(None, None), LinkedAccount("Daily", None)])
def test_an_incomplete_hint_is_no_overlap(hint: LinkedAccount) -> None:
    assert overlap_of(BANK, [hint], [connection("old", DAILY)]) is None


def test_incomplete_hint_does_not_decide_whether_all_accounts_are_equal() -> None:
    assert overlap_of(BANK, [LinkedAccount("Cash", None), LinkedAccount(None, None)], [connection("old", CASH)]) is None


def original(connection_id: str, account_id: str) -> DuplicateOf:
    return DuplicateOf(connection_id=connection_id, account_id=account_id)


def after(holdings: list[Holding]) -> list[Holding]:
    """The connections as stored after the duplicates are marked."""
    found = duplicates_in(holdings)
    return [
        Holding(
            one.connection_id,
            one.institution_id,
            one.created_at,
            one.usable,
            tuple(marked(a, found.get((one.connection_id, a["account_id"]))) for a in one.accounts),
        )
        for one in holdings
    ]


def test_chain_keeps_one_counted_copy_after_any_removal() -> None:
    chain = [connection("a", DAILY, day=0), connection("b", DAILY, day=1), connection("c", DAILY, day=2)]
    both = {("b", "Daily-1111"): original("a", "Daily-1111"), ("c", "Daily-1111"): original("a", "Daily-1111")}
    assert duplicates_in(chain) == both
    a, b, c = after(chain)
    assert duplicates_in([b, c]) == {("c", "Daily-1111"): original("b", "Daily-1111")}
    assert duplicates_in([a, c]) == {("c", "Daily-1111"): original("a", "Daily-1111")}
    assert duplicates_in([c]) == {}


def test_an_account_whose_counterpart_is_a_duplicate_itself_names_the_counted_one() -> None:
    """C has B's name and number, B has A's persistent id."""
    a = connection("a", named("Joint", "1111", persistent="p"), day=0)
    b = connection("b", named("Ours", "2222", persistent="p"), day=1)
    c = connection("c", named("Ours", "2222"), day=2)
    assert duplicates_in([a, b, c]) == {
        ("b", "Ours-2222"): original("a", "Joint-1111"),
        ("c", "Ours-2222"): original("a", "Joint-1111"),
    }


def test_of_several_connections_each_account_names_the_one_that_has_it() -> None:
    both = connection("both", DAILY, SAVE, day=2)
    assert duplicates_in([connection("daily", DAILY), connection("save", SAVE, day=1), both]) == {
        ("both", "Daily-1111"): original("daily", "Daily-1111"),
        ("both", "Save-2222"): original("save", "Save-2222"),
    }


def test_a_connection_in_error_is_never_the_counted_copy() -> None:
    a, b = after([connection("a", DAILY, day=0), connection("b", DAILY, day=1)])
    broken = connection("a", *a.accounts, day=0, usable=False)
    assert duplicates_in([broken, b]) == {("a", "Daily-1111"): original("b", "Daily-1111")}
    dead = connection("b", *b.accounts, day=1, usable=False)
    assert duplicates_in([broken, dead]) == {}
    assert duplicates_in(after([broken, b])[:1]) == {}
    assert duplicates_in([a, b]) == {("b", "Daily-1111"): original("a", "Daily-1111")}, "it works again"


def test_a_pair_stays_a_pair_when_the_bank_renames_the_account() -> None:
    _, b = after([connection("a", CASH, day=0), connection("b", CASH, day=1)])
    renamed = connection("a", {**CASH, "name": "Pocket"}, SAVE, day=0)
    assert duplicates_in([renamed, b]) == {("b", "Cash-None"): original("a", "Cash-None")}
    assert duplicates_in([connection("a", SAVE, day=0), b]) == {}, "the account is not shared any more"


def test_copies_of_a_renamed_account_stay_linked_after_the_counted_one_is_removed() -> None:
    _, b, c = after([connection("a", DAILY, day=0), connection("b", DAILY, day=1), connection("c", DAILY, day=2)])
    (account_of_c,) = c.accounts
    renamed = connection("c", {**account_of_c, "name": "Everyday"}, day=2)
    assert duplicates_in([b, renamed]) == {("c", "Daily-1111"): original("b", "Daily-1111")}


def test_known_accounts_keep_what_they_are_a_duplicate_of_when_they_are_read_again() -> None:
    _, b = after([connection("a", DAILY, day=0), connection("b", DAILY, day=1)])
    read_again = b.with_accounts([{**DAILY, "name": "Everyday"}, SAVE])
    assert [one["duplicate_of"] for one in read_again.accounts] == [original("a", "Daily-1111"), None]


POOL = [named(name, mask, persistent=p) for name, mask, p in (("A", "1", None), ("B", "2", "p"), ("C", None, None))]


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(POOL), unique_by=lambda a: a["account_id"]), st.integers(0, 2), st.booleans()
        ),
        max_size=5,
    ),
    st.data(),
)
def test_every_account_is_counted_once_after_any_change(made: list[Any], data: st.DataObject) -> None:
    """No duplicate points to a duplicate, to a connection that is removed or in error, or to its own connection."""
    holdings = [connection(f"c{n}", *rows, day=day, usable=ok) for n, (rows, day, ok) in enumerate(made)]
    stored = after(holdings)
    assert after(stored) == stored, "settled marks stay unchanged"
    left = [one for one in stored if data.draw(st.booleans())]
    for now in (stored, after(left)):
        here = {(one.connection_id, a["account_id"]): (one, a) for one in now for a in one.accounts}
        for (connection_id, _), (_, one) in here.items():
            if (named_original := one["duplicate_of"]) is None:
                continue
            holding, counted = here[named_original["connection_id"], named_original["account_id"]]
            assert holding.usable
            assert counted["duplicate_of"] is None
            assert holding.connection_id != connection_id
        for account_id in ("A-1", "B-2"):  # these are recognized one by one
            copies = [a for one in now if one.usable for a in one.accounts if a["account_id"] == account_id]
            assert sum(a["duplicate_of"] is None for a in copies) == min(len(copies), 1)
