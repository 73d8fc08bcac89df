"""The contract of `Budgets`, over the fake and Firestore: exact under concurrency, never spent in part."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.adapters.firestore import budgets as firestore_budgets
from shared.adapters.firestore.budgets import FirestoreBudgets
from shared.domain.ceilings import Budget
from shared.ports import Budgets
from tests.fake_budgets import FakeBudgets

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture(params=["fake", "firestore"])
def budgets(request: pytest.FixtureRequest) -> Budgets:
    return FakeBudgets() if request.param == "fake" else FirestoreBudgets(request.getfixturevalue("firestore_client"))


@pytest.fixture
def uid() -> str:
    return f"budget-{uuid.uuid4().hex[:12]}"


def test_call_is_charged_to_all_its_budgets_or_to_none(budgets: Budgets, uid: str) -> None:
    user = Budget.of_user(uid, "refresh", most=5, within=DAY)
    shared = Budget.of_user(f"{uid}-all", "refresh", most=2, within=MINUTE)
    assert budgets.spend(user, shared, now=NOW) is None
    assert budgets.spend(user, shared, now=NOW) is None
    for _ in range(5):
        assert budgets.spend(user, shared, now=NOW) is shared
    later = NOW + MINUTE
    assert budgets.spend(user, shared, now=later) is None
    assert budgets.spend(user, shared, now=later) is None
    assert budgets.spend(user, now=later) is None
    assert budgets.spend(user, now=later) is user, "the refused calls were not counted"


def test_the_window_slides_and_each_budget_has_its_own(budgets: Budgets, uid: str) -> None:
    budget = Budget.of_user(uid, "refresh", most=2, within=DAY)
    assert budgets.spend(budget, now=NOW) is None
    assert budgets.spend(budget, now=NOW + timedelta(hours=12)) is None
    assert budgets.spend(budget, now=NOW + DAY - timedelta(microseconds=1)) is budget
    assert budgets.spend(budget, now=NOW + DAY) is None
    assert budgets.spend(budget, now=NOW + DAY) is budget


def test_a_budget_of_none_allows_no_call(budgets: Budgets, uid: str) -> None:
    nothing = Budget.of_user(uid, "refresh", most=0, within=DAY)
    assert budgets.spend(nothing, now=NOW) is nothing


def test_of_many_calls_at_once_as_many_pass_as_the_budget_has(
    budgets: Budgets, uid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firestore_budgets, "_MAX_TRIES", 40)  # retries must suffice for every concurrent call here
    together = threading.Barrier(20)
    shared = Budget.of_user(f"{uid}-all", "refresh", most=6, within=MINUTE)

    def call(number: int) -> bool:
        together.wait()
        own = Budget.of_user(f"{uid}-{number}", "refresh", most=9, within=DAY)
        return budgets.spend(own, shared, now=NOW) is None

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(call, range(20))) == 6


def test_counter_expires_and_belongs_to_one_name(firestore_client: Any, uid: str) -> None:
    budgets = FirestoreBudgets(firestore_client)
    assert budgets.spend(Budget.of_user(uid, "refresh", most=2, within=DAY), now=NOW) is None
    stored = firestore_client.document("bank_limits", f"{uid}:refresh").get()
    assert stored.get("expires_at") == NOW + DAY
    assert stored.get("calls") == [NOW]


def test_no_user_shares_the_projects_budget() -> None:
    assert Budget.of_project("refresh", most=1, within=DAY).name == ":refresh"
    assert Budget.of_user("x", "refresh", most=1, within=DAY).name == "x:refresh"
