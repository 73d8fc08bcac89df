"""Which row inherits the user's note on a transaction that the bank replaces."""

from __future__ import annotations

import pytest

from shared.domain.inherited_notes import heirs_of, label_of, successor_of


@pytest.mark.parametrize(
    ("successors", "removed", "successor"),
    [
        ({}, set(), None),
        ({"p1": "t1"}, {"p1"}, "t1"),
        ({"p1": "p2", "p2": "t1"}, {"p1", "p2"}, "t1"),
        ({"p1": "p2"}, {"p1", "p2"}, None),
        ({"p1": "p2", "p2": "p1"}, {"p1", "p2"}, None),
        ({"p1": "p1"}, {"p1"}, None),
    ],
)
def test_the_last_row_of_a_chain_that_stays_is_the_successor(
    successors: dict[str, str], removed: set[str], successor: str | None
) -> None:
    assert successor_of("p1", successors=successors, removed=removed) == successor


def test_a_row_inherits_one_note_at_most() -> None:
    assert heirs_of(["p1", "p2"], successors={"p1": "t1", "p2": "t1"}, taken=[]) == {"p1": "t1"}


def test_row_with_its_own_note_inherits_none() -> None:
    assert heirs_of(["p1", "p2"], successors={"p1": "t1", "p2": "t2"}, taken=["t1"]) == {"p2": "t2"}


def test_a_removed_row_without_a_successor_has_no_heir() -> None:
    assert heirs_of(["p1"], successors={}, taken=[]) == {}


def test_a_label_leaves_out_what_is_unknown() -> None:
    row = {"name": "Coffee", "amount": "3.50", "iso_currency_code": None, "date": "2026-01-02"}
    assert label_of(row).split() == ["Coffee", "3.50", "2026-01-02"]
