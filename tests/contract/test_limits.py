"""Rate limits are exact under concurrency: on the real store, and through the deployed function."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from functions_framework import create_app

from shared.adapters.firestore.limits import FirestoreLimits
from shared.serving import container
from shared.settings import Settings
from tests.functions.conftest import EXCHANGE, MAIN, SIGNED_IN, world  # noqa: F401 (a fixture)
from tests.usecases.conftest import ALICE, World

CALLS, LIMIT = 50, 10


@pytest.fixture
def limits(firestore_client: Any) -> FirestoreLimits:
    return FirestoreLimits(firestore_client)


@pytest.fixture
def uid() -> str:
    return f"limited-{uuid.uuid4().hex[:12]}"


def test_of_fifty_calls_at_once_exactly_ten_pass(limits: FirestoreLimits, uid: str) -> None:
    together = threading.Barrier(CALLS)
    now = datetime.now(UTC)

    def call(_: int) -> int | None:
        together.wait()
        return limits.spend(uid, "exchange", per_minute=LIMIT, now=now)

    with ThreadPoolExecutor(CALLS) as pool:
        waits = list(pool.map(call, range(CALLS)))
    assert waits.count(None) == LIMIT
    assert all(wait is None or 0 < wait <= 60 for wait in waits)


def test_the_minute_slides_and_refused_calls_are_not_counted(limits: FirestoreLimits, uid: str) -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for second in range(3):
        assert limits.spend(uid, "sync", per_minute=3, now=now + timedelta(seconds=second)) is None
    for _ in range(5):
        assert limits.spend(uid, "sync", per_minute=3, now=now + timedelta(seconds=20)) == 40
    assert limits.spend(uid, "sync", per_minute=3, now=now + timedelta(seconds=60)) is None
    assert limits.spend(uid, "sync", per_minute=3, now=now + timedelta(seconds=60)) == 1


def test_limit_of_zero_refuses_every_call_with_a_retry_time(limits: FirestoreLimits, uid: str) -> None:
    assert limits.spend(uid, "sync", per_minute=0, now=datetime.now(UTC)) == 60


def test_wait_for_a_full_window_is_at_most_a_minute(limits: FirestoreLimits, uid: str) -> None:
    now = datetime.now(UTC)
    assert limits.spend(uid, "sync", per_minute=1, now=now + timedelta(seconds=1)) is None
    assert limits.spend(uid, "sync", per_minute=1, now=now) == 60


def test_each_user_and_each_kind_of_call_has_its_own_limit(limits: FirestoreLimits, uid: str) -> None:
    now = datetime.now(UTC)
    assert limits.spend(uid, "sync", per_minute=1, now=now) is None
    assert limits.spend(uid, "sync", per_minute=1, now=now) is not None
    assert limits.spend(uid, "exchange", per_minute=1, now=now) is None
    assert limits.spend(f"{uid}-b", "sync", per_minute=1, now=now) is None


def test_of_fifty_exchanges_by_one_user_at_once_exactly_ten_pass(
    limits: FirestoreLimits,
    world: World,  # noqa: F811 (the fixture)
    monkeypatch: pytest.MonkeyPatch,
    firestore_client: Any,
) -> None:
    firestore_client.document("bank_limits", f"{ALICE}:exchange").delete()
    monkeypatch.setattr(container, "limits", lambda: limits)
    monkeypatch.setattr(container, "settings", lambda: Settings(project="demo-bank", exchanges_per_minute=LIMIT))
    for number in range(CALLS):
        world.plaid.new_item(str(number))
    app = create_app("exchange_public_token", str(MAIN), "http")  # type: ignore[no-untyped-call]
    together, alone = threading.Barrier(CALLS), threading.Lock()
    # Only the limit is concurrent here; the fakes behind it support one thread.
    exchange = world.plaid.exchange
    monkeypatch.setattr(world.plaid, "exchange", lambda token: _locked(alone, exchange, token))

    def call(number: int) -> tuple[int, Any]:
        with app.test_client() as asking:
            together.wait()
            answer = asking.post(
                EXCHANGE, json={"public_token": f"public-{number}", "allow_duplicate": True}, headers=SIGNED_IN
            )
        return answer.status_code, answer.json

    with ThreadPoolExecutor(CALLS) as pool:
        answers = list(pool.map(call, range(CALLS)))
    assert Counter(status for status, _ in answers) == {201: LIMIT, 429: CALLS - LIMIT}
    assert len(world.store.connections) == LIMIT
    refused = [body["error"] for status, body in answers if status == 429]
    assert {(error["status"], error["details"]["code"]) for error in refused} == {
        ("RESOURCE_EXHAUSTED", "rate_limited")
    }
    assert all(0 < error["details"]["retry_after_seconds"] <= 60 for error in refused)


def _locked(lock: threading.Lock, call: Any, *given: Any) -> Any:
    with lock:
        return call(*given)
