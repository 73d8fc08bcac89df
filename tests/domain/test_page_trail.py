"""A loop over a change log ends, whatever cursors the pages name."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import page_trail
from shared.domain.errors import EndlessPages, ErrorClass
from shared.domain.page_trail import PageTrail
from shared.domain.set_aside import SetAsideRow
from shared.domain.transaction import History, Page
from tests.fakes import row


def page(cursor: str | None, *, empty: bool = False) -> Page:
    added = [] if empty else [row("t")]
    return Page(added, [], [], [], cursor, has_more=True, history=History.COMPLETE, request_id="r1")


def refusal(trail: PageTrail, next_page: Page) -> EndlessPages | None:
    try:
        trail.follow(next_page)
    except EndlessPages as error:
        return error
    return None


def walk(trail: PageTrail, *, after: dict[int, int], hand_over_at: set[int]) -> int:
    """Follow cursors by name until the loop fails; returns the number of pages read."""
    at = 0
    for pages in count(1):
        at = after[at]
        if (error := refusal(trail, page(f"c{at}"))) is not None:
            assert (error.error_class, error.request_id, error.error_code) == (
                ErrorClass.TRANSIENT,
                "r1",
                "CURSOR_REVISITED",
            )
            return pages
        if pages in hand_over_at:
            trail = PageTrail(f"c{at}", seen=trail.export())
    raise AssertionError("unreachable")


@given(st.integers(0, 40), st.integers(1, 40), st.sets(st.integers(1, 80)))
def test_cursor_loop_of_any_length_ends_at_its_first_repetition_across_handovers(
    tail: int, length: int, hand_over_at: set[int]
) -> None:
    after = {n: n + 1 for n in range(tail + length - 1)} | {tail + length - 1: tail}
    assert walk(PageTrail("c0"), after=after, hand_over_at=hand_over_at) == tail + length


@pytest.mark.parametrize("cursor", [None, ""])
def test_a_page_with_more_but_without_a_cursor_is_refused(cursor: str | None) -> None:
    with pytest.raises(EndlessPages, match="cannot be read completely") as refused:
        PageTrail("c0").follow(page(cursor))
    assert refused.value.error_code == "CURSOR_STANDS_STILL"


def test_cursors_that_never_repeat_are_followed() -> None:
    trail = PageTrail(None)
    assert [trail.follow(page(f"c{n}")) for n in range(3)] == ["c0", "c1", "c2"]


def test_pages_of_one_loop_are_bounded_across_handovers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_trail, "MAX_PAGES", 50)
    trail = PageTrail(None)
    for n in range(49):
        trail.follow(page(f"c{n}"))
        trail = PageTrail(f"c{n}", seen=trail.export())
    error = refusal(trail, page("c49"))
    assert error is not None
    assert error.error_code == "PAGES_WITHOUT_END"


def test_consecutive_pages_without_changes_have_a_lower_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_trail, "MAX_EMPTY_PAGES", 3)
    trail = PageTrail(None)
    for n in range(12):
        trail.follow(page(f"c{n}", empty=n % 4 != 0))
    assert refusal(trail, page("c12", empty=True)) is not None, "the fourth in a row"


def test_pages_with_only_unusable_rows_are_not_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_trail, "MAX_EMPTY_PAGES", 3)
    trail = PageTrail(None)
    aside = (SetAsideRow(key="k", transaction_id="t", account_id="a", field="date", text="{}"),)
    for n in range(5):
        trail.follow(replace(page(f"c{n}", empty=True), set_aside=aside))


def test_handover_size_is_bounded() -> None:
    trail = PageTrail(None)
    for n in range(page_trail.MAX_PAGES - 1):
        trail.follow(page("c" * 200 + str(n)))
    assert len(trail.export()) <= 40_000
