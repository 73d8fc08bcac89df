"""The status screen: its first line, and that it fits a terminal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from operations.commands import main
from operations.status import SHOWN, screen
from shared.domain.connection import Action, ItemStatus
from shared.domain.health import Health, UnhealthyConnection
from shared.domain.institution_health.evidence import HealthState, Verdict
from shared.serving import container
from shared.settings import Settings, settings
from tests.fake_health import FakeHealthRecords

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WELL = Health(
    statuses=dict.fromkeys(ItemStatus, 0) | {ItemStatus.GOOD: 997, ItemStatus.BAD: 3},
    stale=0,
    failing=1,
    overdue_syncs=0,
    overdue_webhooks=0,
    overdue_removals=0,
)
BROKEN = UnhealthyConnection(
    connection_id="c" * 32,
    status=ItemStatus.BAD,
    institution="A Bank with a Name that is Longer than Names are",
    error_code="ITEM_LOGIN_REQUIRED",
    action=Action.RECONNECT,
    since=NOW - timedelta(days=3),
)
FAILING = UnhealthyConnection(
    connection_id="d",
    error_code="INSTITUTION_DOWN",
    since=NOW - timedelta(minutes=9),
    next_retry_at=NOW + timedelta(hours=2),
)


def test_first_line_reports_a_healthy_system() -> None:
    shown = screen(WELL, [], now=NOW).splitlines()
    assert shown[0] == "1000 connections, no action needed"
    assert any(line.split()[:2] == ["good", "997"] for line in shown)
    assert any(line.startswith("  needs its user           3  █") for line in shown)


def test_first_line_reports_what_is_overdue() -> None:
    ill = WELL.model_copy(update={"stale": 2, "overdue_syncs": 5, "longest_overdue": timedelta(hours=3)})
    shown = screen(ill, [], now=NOW)
    assert shown.startswith("1000 connections, needs attention: 2 stale, 5 syncs overdue (docs/operations.md)")
    assert "the oldest for 3 h" in shown


def test_unhealthy_connections_are_listed_with_error_and_action() -> None:
    rows = screen(WELL, [BROKEN, FAILING], now=NOW).splitlines()[-2:]
    assert f"{BROKEN.connection_id} A Bank with a Name ITEM_LOGIN_REQUIRED → reconnect" in rows[0]
    assert rows[0].endswith(" 3 d")
    assert rows[1].split() == ["d", "INSTITUTION_DOWN", "9", "min,", "retry", "in", "2", "h"]


def test_status_always_fits_a_screen() -> None:
    lines = screen(WELL, [BROKEN] * (SHOWN + 1), now=NOW).splitlines()
    assert len(lines) <= 34
    assert max(map(len, lines)) <= 110
    assert lines[-1] == "  … and more"
    assert screen(WELL.model_copy(update={"in_europe": 40}), [], now=NOW).startswith(
        "1000 connections (40 with the European keys), "
    )
    empty = Health(statuses={}, stale=0, failing=0, overdue_syncs=0, overdue_webhooks=0, overdue_removals=0)
    assert screen(empty, [], now=NOW).startswith("0 connections")


def test_the_worst_banks_are_listed_first_and_healthy_ones_are_not() -> None:
    def verdict(state: HealthState, hours: int) -> Verdict:
        return Verdict(state, None, NOW - timedelta(hours=hours), seen=20, failing=18)

    banks = {
        "Late Bank": verdict(HealthState.DEGRADED, 9),
        "Well Bank": verdict(HealthState.HEALTHY, 9),
        "Down Bank": verdict(HealthState.DOWN, 1),
        "Long Down\x1b[2J": verdict(HealthState.DOWN, 3),
        "Odd Bank": verdict(HealthState.SUSPECTED, 1),
    }
    shown = screen(WELL, [BROKEN] * (SHOWN + 1), now=NOW, banks=banks).splitlines()
    assert len(shown) <= 34
    assert max(map(len, shown)) <= 110
    rows = [line.split(maxsplit=2)[1:] for line in shown if line.startswith("  bank ")]
    assert [state for state, _ in rows] == ["down", "down", "degraded"]
    assert rows[0][1].startswith("Long Down\\x1b[2J")
    assert rows[0][1].endswith("18 of 20 connections fail, since 3 h")
    assert any("… and 1 more" in line for line in shown)
    assert not any("Well Bank" in line for line in shown)
    assert "bank" not in "".join(screen(WELL, [], now=NOW, banks={"Well Bank": banks["Well Bank"]}).splitlines()[1:])


def test_command_counts_and_looks_up_institution_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Figures:
        def count(self, _: datetime) -> Health:
            return WELL

        def unhealthy(self, *, limit: int) -> list[UnhealthyConnection]:
            return [FAILING][:limit]

    class Connections:
        def find(self, _: str) -> Any:
            return type("Connection", (), {"institution_name": None, "institution_id": "ins_7"})

    outside = {
        "health_figures": Figures(),
        "connections": Connections(),
        "health_records": FakeHealthRecords(),
        "settings": Settings(project="demo-bank"),
    }
    for name, fake in outside.items():
        monkeypatch.setattr(container, name, lambda fake=fake: fake)
    assert main(["status"]) == 0
    settings.cache_clear()
    out = capsys.readouterr().out
    assert out.startswith("status: 1000 connections")
    assert "ins_7" in out


def test_a_bank_s_name_cannot_move_the_cursor_or_forge_a_line() -> None:
    nasty = BROKEN.model_copy(update={"institution": "\x1b[2J\nd  fine\u202e", "error_code": "X\x9b31m"})
    shown = screen(WELL, [nasty], now=NOW)
    assert not {"\x1b", "\x9b", "\u202e"} & set(shown)
    assert "\\x1b[2J\\nd  fine" in shown.splitlines()[-1]
