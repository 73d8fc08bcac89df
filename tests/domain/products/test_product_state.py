"""The state of a product's sync: its stored form, and the transitions that only products have."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import ErrorClass
from shared.domain.products.kinds import ProductKind, ProductStatus
from shared.domain.products.product_progress import ReadProduct
from shared.domain.products.product_state import ProductState
from shared.domain.progress import ErrorSummary, SyncStatus
from shared.domain.run_state import IllegalTransition

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
REFUSED = ErrorSummary(type="ITEM_ERROR", code="PRODUCTS_NOT_SUPPORTED", message="no", retryable=False)
DOWN = ErrorSummary(type="INSTITUTION_ERROR", code="INSTITUTION_DOWN", message="down", retryable=True)

STORED_NAMES = {
    "deferred_from",
    "released_until",
    *("connection_id", "app_user_id", "kind", "status", "stage", "attempt", "started_at", "updated_at"),
    *("completed_at", "next_retry_at", "error", "failures", "tries", "troubled", "heals", "stopped", "source"),
    *("due_at", "lease_owner", "lease_expires_at", "writer", "beat", "looks", "requested", "serving", "served"),
    *("wanted_since", "refresh", "refresh_tried_at", "asked_at", "trace", "next_trace", "run", "outcome"),
    *("account_ids", "is_offered", "revoked_accounts", "as_of", "changed_at", "rows", "digest", "hollow", "read_until"),
    *("full_pass_at", "ask_again_at", "refusal"),
}


def new() -> ProductState:
    return ProductState.new(ProductKind.HOLDINGS, connection_id="c", app_user_id="u", now=NOW)


def planned(
    state: ProductState | None = None, *, accounts: tuple[str, ...] = ("a",), now: datetime = NOW
) -> ProductState:
    return (state or new()).planned(account_ids=accounts, revoked=(), source="ins_1", now=now)


def claimed(state: ProductState | None = None, *, now: datetime = NOW) -> ProductState:
    return (state or planned()).claim(now=now, owner="me")


def ready(*, rows: int = 2) -> ProductState:
    read = ReadProduct(rows=rows, changed=True, digest="d")
    return claimed().complete(read, now=NOW, jitter=0, outcome=ProductStatus.READY)


def refused(state: ProductState, outcome: ProductStatus, *, now: datetime = NOW, **more: Any) -> ProductState:
    return state.refused(outcome, now=now, error=more.pop("error", REFUSED), **more)


def test_the_stored_names_stay() -> None:
    assert new().model_dump().keys() == STORED_NAMES


def test_a_plan_makes_a_run_due_and_a_completed_run_is_polled_a_day_later() -> None:
    assert planned().status is SyncStatus.PENDING
    state = ready()
    assert (state.status, state.due_at, state.outcome) == (SyncStatus.COMPLETED, NOW + DAY, ProductStatus.READY)
    assert state.progress().counts == {"rows": 2}


def test_jitter_makes_a_poll_up_to_an_eighth_earlier() -> None:
    read = ReadProduct(rows=0)
    state = claimed().complete(read, now=NOW, jitter=1, outcome=ProductStatus.READY)
    assert state.due_at == NOW + DAY * 7 / 8


def test_a_hollow_answer_is_confirmed_before_the_next_poll() -> None:
    read = ReadProduct(rows=2, hollow={"a": NOW}, confirm_at=NOW + timedelta(hours=6))
    state = claimed().complete(read, now=NOW, jitter=0, outcome=ProductStatus.READY)
    assert state.due_at == NOW + timedelta(hours=6)


def test_without_an_account_nothing_is_due_and_with_rows_a_run_deletes_them() -> None:
    assert (planned(accounts=()).outcome, planned(accounts=()).due_at) == (ProductStatus.NO_ACCOUNTS, None)
    emptied = planned(ready(), accounts=())
    assert emptied.status is SyncStatus.PENDING
    done = claimed(emptied).complete(ReadProduct(rows=0), now=NOW, jitter=0, outcome=ProductStatus.NO_ACCOUNTS)
    assert (done.rows, done.due_at) == (0, None)


def test_a_plan_forgets_the_digest_so_that_every_row_is_compared() -> None:
    assert planned(ready()).digest is None


@pytest.mark.parametrize(
    ("outcome", "due"),
    [
        (ProductStatus.UNSUPPORTED, timedelta(days=30)),
        (ProductStatus.NOT_ENABLED, DAY),
        (ProductStatus.NEEDS_CONSENT, None),
        (ProductStatus.NO_ACCOUNTS, None),
    ],
)
def test_a_refusal_is_no_failure_and_decides_when_plaid_is_asked_again(
    outcome: ProductStatus, due: timedelta | None
) -> None:
    state = refused(claimed(), outcome)
    assert (state.status, state.failures, state.progress().error) == (SyncStatus.COMPLETED, 0, REFUSED)
    assert state.due_at == (NOW + due if due is not None else None)


def test_own_rows_are_made_daily_and_do_not_postpone_the_next_question() -> None:
    own = ReadProduct(rows=3, changed=True)
    state = refused(claimed(), ProductStatus.UNSUPPORTED, found=own)
    assert (state.rows, state.due_at, state.ask_again_at) == (3, NOW + DAY, NOW + timedelta(days=30))
    later = NOW + DAY
    again = refused(
        claimed(state.requeue(now=later), now=later), ProductStatus.UNSUPPORTED, now=later, error=None, found=own
    )
    assert (again.ask_again_at, again.progress().error) == (NOW + timedelta(days=30), REFUSED)


def test_an_answer_ends_a_refusal() -> None:
    state = refused(claimed(), ProductStatus.UNSUPPORTED).request(now=NOW)
    done = claimed(state).complete(ReadProduct(rows=1), now=NOW, jitter=0, outcome=ProductStatus.READY)
    assert (done.refusal, done.ask_again_at, done.progress().error) == (None, None, None)


def test_a_product_that_is_not_ready_is_asked_after_one_five_and_fifteen_minutes() -> None:
    state, waits = planned(), []
    for _ in range(3):
        state = claimed(state).not_ready(now=NOW)
        assert state.due_at is not None
        waits.append((state.due_at - NOW) // timedelta(minutes=1))
    assert waits == [1, 5, 15]
    assert state.outcome is ProductStatus.SYNCING


def test_a_failed_product_says_so_and_keeps_its_rows() -> None:
    run = claimed(ready().request(now=NOW))
    state = run.fail(now=NOW, error=DOWN, error_class=ErrorClass.TRANSIENT, jitter=0, at_least=timedelta())
    view = state.progress()
    assert (view.status, view.error, view.counts) == (ProductStatus.FAILED, DOWN, {"rows": 2})
    assert view.next_retry_at == state.due_at == NOW + timedelta(minutes=1)


def test_a_product_that_is_turned_off_needs_a_plan_to_run_again() -> None:
    off = ready().switched_off(now=NOW)
    assert (off.outcome, off.due_at) == (ProductStatus.OFF, None)
    with pytest.raises(IllegalTransition):
        claimed(off)
    assert planned(off).status is SyncStatus.PENDING


def test_a_removed_account_takes_its_rows_out_of_the_count_and_the_last_one_ends_the_product() -> None:
    state = planned(ready(), accounts=("a", "b"))
    fewer = state.account_removed("a", now=NOW, removed_rows=1)
    assert (fewer.account_ids, fewer.revoked_accounts, fewer.rows, fewer.digest) == (("b",), ("a",), 1, None)
    last = fewer.account_removed("b", now=NOW, removed_rows=1)
    assert (last.outcome, last.due_at) == (ProductStatus.NO_ACCOUNTS, None)


def test_the_last_day_read_moves_only_with_a_complete_read() -> None:
    read = ReadProduct(rows=1, read_until=date(2026, 3, 1), full_pass_at=NOW)
    state = claimed().complete(read, now=NOW, jitter=0, outcome=ProductStatus.READY)
    assert state.last_day_read == date(2026, 3, 1)
    failing = claimed(state.request(now=NOW)).pause(now=NOW)
    assert (failing.last_day_read, failing.full_pass_at) == (date(2026, 3, 1), NOW)


STEPS: list[Callable[[ProductState], ProductState]] = [
    planned,
    lambda s: planned(s, accounts=()),
    lambda s: s.request(now=NOW),
    lambda s: s.requeue(now=NOW),
    claimed,
    lambda s: s.advance(now=NOW, rows=s.rows + 1),
    lambda s: s.complete(ReadProduct(rows=1), now=NOW, jitter=0.5, outcome=ProductStatus.READY),
    lambda s: refused(s, ProductStatus.UNSUPPORTED),
    lambda s: s.not_ready(now=NOW),
    lambda s: s.pause(now=NOW),
    lambda s: s.run_again(now=NOW),
    lambda s: s.fail(now=NOW, error=DOWN, error_class=ErrorClass.TRANSIENT, jitter=0, at_least=timedelta()),
    lambda s: s.switched_off(now=NOW),
    lambda s: s.account_removed("a", now=NOW),
    lambda s: s.deferred(now=NOW),
    lambda s: s.backed_off(now=NOW),
]


@given(st.lists(st.sampled_from(range(len(STEPS))), max_size=30))
def test_no_transition_invents_a_field_or_leaves_a_waiting_request_without_a_due_time(numbers: list[int]) -> None:
    state = planned()
    for number in numbers:
        try:
            state = STEPS[number](state)
        except IllegalTransition:
            continue
        assert state.model_dump().keys() == STORED_NAMES
        assert ProductState.model_validate(state.model_dump()) == state
        if state.status in (SyncStatus.PENDING, SyncStatus.IN_PROGRESS):
            assert state.due_at is not None
        if state.wanted:
            assert state.due_at is not None
