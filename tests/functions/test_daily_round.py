"""The order of the daily check's steps, which matters because it may be killed at its time limit in any of them."""

from __future__ import annotations

import pytest

from shared.serving import container, items_container, linking_container, tokens_container
from tests.functions.conftest import client
from tests.usecases.conftest import World

WITHOUT_PLAID = ["daily_checks", "audit_log", "reencryption"]
OF_PLAID = ["sweep_exchanges", "refresh_institutions", "rotation_requests"]


def test_steps_that_wait_for_plaid_run_last(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def note(name: str) -> None:
        asked.append(name)
        raise RuntimeError("it goes on all the same")

    for name in [*WITHOUT_PLAID, *OF_PLAID]:
        places = (container, items_container, linking_container, tokens_container)
        place = next(c for c in places if hasattr(c, name))
        monkeypatch.setattr(place, name, lambda name=name: note(name))
    for fired in client("monitor_connections"):
        assert fired.post("/", headers={"X-CloudScheduler-ScheduleTime": "2026-03-01T04:30:00Z"}).status_code == 200
    assert asked == [*WITHOUT_PLAID, *OF_PLAID]
