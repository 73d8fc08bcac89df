"""A change set: the last version of each row wins."""

from __future__ import annotations

from typing import Any

from shared.domain.transaction import ChangeSet, History, Page
from tests.fakes import row


def page(**lists: Any) -> Page:
    empty: dict[str, Any] = {"added": [], "modified": [], "removed": [], "accounts": []}
    return Page(**(empty | lists), next_cursor="c", has_more=False, history=History.COMPLETE, size=10)


def test_a_row_that_is_removed_later_is_not_written() -> None:
    changes = ChangeSet()
    changes.take(page(added=[row("t1"), row("t2")]))
    changes.take(page(removed=["t1"]))
    assert set(changes.upserts) == {"t2"}
    assert changes.removed == {"t1"}


def test_row_sent_again_after_its_removal_is_written() -> None:
    changes = ChangeSet()
    changes.take(page(removed=["t1"]))
    changes.take(page(added=[row("t1", name="back")]))
    assert changes.upserts["t1"]["name"] == "back"
    assert changes.removed == set()


def test_later_version_of_a_row_wins() -> None:
    changes = ChangeSet()
    changes.take(page(added=[row("t1", name="first")], modified=[row("t1", name="second")]))
    changes.take(page(modified=[row("t1", name="third")]))
    assert [r["name"] for r in changes.upserts.values()] == ["third"]
    assert changes.new == {"t1"}
    assert (len(changes), changes.size) == (1, 20)


def test_row_added_and_removed_on_one_page_is_removed() -> None:
    changes = ChangeSet()
    changes.take(page(added=[row("t1")], removed=["t1"]))
    assert changes.upserts == {}
