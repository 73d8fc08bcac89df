"""Operator commands for outages of banks, on fakes."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from operations.commands import main
from shared.domain.audit import OPERATORS
from shared.domain.institution_health.evidence import HealthState
from shared.serving import container, health_container
from shared.settings import Settings
from tests.usecases.conftest import World
from tests.usecases.institution_health.engine import Engine
from tests.usecases.institution_health.ground import BANK, HOUR


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], level = before
    root.setLevel(level)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine(World())
    outside: dict[str, object] = {
        "settings": Settings(project="demo-bank"),
        "clock": engine.world.clock,
        "paused": engine.world.paused,
        "audit_log": engine.world.store,
        "connections": engine.world.store,
        "institutions": engine.institutions,
        "health_records": engine.records,
        "bank_contacts": engine.contacts,
        "tasks": engine.world.queue,
    }
    for name, fake in outside.items():
        monkeypatch.setattr(container, name, lambda fake=fake: fake)
    monkeypatch.setattr(health_container, "override_health", lambda: engine.override)
    return engine


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(list(arguments)) == code
    out = capsys.readouterr()
    return out.out if code == 0 else out.err


def test_health_lists_no_bank_while_all_work(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "health") == "health: 0 of 5 banks have a problem\n"


def test_health_explains_an_outage_with_its_evidence_and_what_is_done(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.goes_down_at_bank()
    engine.live(HOUR)
    told = said(capsys, "health")
    assert told.startswith(f"health: {BANK}  Chase is down since 2026-03-01 ")
    assert "syncs paused until 2026-03-01T" in told
    assert told.endswith("1 of 5 banks have a problem\n")
    alone = said(capsys, "health", "--institution", BANK)
    assert "rule " in alone
    assert "Plaid at " in alone
    assert not any(name in alone for name in engine.names), "no connection and no user"
    assert "automatically" in said(capsys, "pauses")


def test_an_unknown_bank_is_refused(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    assert "institution_unknown" in said(capsys, "health", "--institution", "ins_x", code=1)
    assert "institution_unknown" in said(capsys, "override", "ins_x", "down", "--for", "1h", code=1)
    assert OPERATORS not in engine.world.store.audit


def test_an_operator_takes_a_bank_down_and_brings_it_back(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, "override", BANK, "down", "--for", "6h")
    assert told.startswith(f"override: {BANK} (30 connections) is down until 2026-03-01T19:")
    entry = engine.world.store.audit[OPERATORS][-1]
    assert (entry.details["command"], entry.details["state"], entry.details["institution"]) == (
        "override",
        "down",
        BANK,
    )
    engine.judge_enqueued()
    assert engine.state() is HealthState.DOWN
    assert engine.paused_until() is not None
    engine.live(HOUR)
    assert engine.state() is HealthState.DOWN, "probes that work do not overrule an operator"
    said(capsys, "override", BANK, "healthy", "--for", "1h")
    engine.judge_enqueued()
    assert engine.state() is HealthState.HEALTHY
    assert engine.paused_until() is None


def test_an_override_ends_by_itself(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "override", BANK, "down", "--for", "1h")
    engine.live(3 * HOUR)
    assert engine.state() is HealthState.HEALTHY
    assert engine.record().settled


@pytest.mark.parametrize("duration", ["0h", "25h", "-1h", "6m", "h"])
def test_a_duration_that_is_not_some_hours_is_refused(engine: Engine, duration: str) -> None:
    with pytest.raises(SystemExit):
        main(["override", BANK, "down", "--for", duration])
    assert engine.record().override is None
