"""After all other tests, each item has one connection, and no item of a live connection was removed at Plaid."""

from __future__ import annotations

from tests.e2e.bank import Bank


def test_every_item_has_one_connection_and_none_of_a_living_connection_was_removed(bank: Bank) -> None:
    assert bank.item_violations() == []
