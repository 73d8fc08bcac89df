"""The scheduler watches all banks at the price of one read and one empty query."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.adapters.plaid.webhook_events import parse_webhook
from shared.domain.errors import ErrorClass
from shared.domain.institution_health.evidence import HealthState
from shared.domain.institution_health.record import Watchlist
from shared.usecases.institution_health import watch_institutions
from shared.usecases.linking.watch_institution import WatchInstitution
from tests.fakes import problem
from tests.usecases.conftest import World
from tests.usecases.institution_health.engine import OTHERS, TICK, Engine
from tests.usecases.institution_health.ground import BANK, HOUR


@pytest.fixture
def engine(world: World) -> Engine:
    return Engine(world, size=5, each=1)


def polled(engine: Engine) -> int:
    return engine.world.calls.log.count("bank.institution_status")


def test_the_first_scheduler_run_watches_all_known_banks(engine: Engine) -> None:
    assert engine.records.watched[0] == Watchlist(institutions=tuple(sorted((BANK, *OTHERS))))


def test_a_new_bank_is_watched_from_its_first_connection_on(engine: Engine) -> None:
    watch = WatchInstitution(records=engine.records)
    watch("ins_new")
    watch("ins_new")
    assert "ins_new" in engine.records.watched[0].institutions
    assert engine.world.calls.log.count("records.save_watchlist") == 2, "one for the list itself"


def test_each_bank_is_polled_once_per_run_and_many_in_turn(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    before = polled(engine)
    engine.watch()
    assert polled(engine) - before == 5
    monkeypatch.setattr(watch_institutions, "MOST_POLLED", 2)
    before = polled(engine)
    for _ in range(3):
        engine.watch()
        engine.world.clock.move(TICK)
    assert polled(engine) - before == 5, "every bank once in three runs"


def test_a_plaid_that_does_not_answer_stops_no_run(engine: Engine) -> None:
    engine.world.plaid.fail("institution_status", *[problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR")] * 5)
    assert engine.watch() == []


def test_a_bank_that_plaid_reports_is_judged_and_only_suspected_without_a_failure_here(engine: Engine) -> None:
    engine.goes_down_at_bank()
    for item in engine.items():
        item.last_failed_update = None
        item.refuses_live = None
    engine.tick()
    assert engine.state() is HealthState.SUSPECTED
    assert engine.paused_until() is None
    assert engine.published.documents == {}, "a suspicion is not published"
    engine.comes_back()
    engine.live(HOUR)
    assert engine.state() is HealthState.HEALTHY
    assert engine.records.watched[0].unsettled == ()


def test_an_alert_of_plaid_s_dashboard_has_its_bank_judged(engine: Engine) -> None:
    body = {
        "webhook_type": "DASHBOARD_CONFIGURED_ALERT",
        "webhook_code": "INSTITUTION_STATUS_ALERT_TRIGGERED",
        "institution_id": BANK,
        "institution_overall_success_rate": 0.2,
        "environment": "sandbox",
    }
    assert parse_webhook(body).institution_id == BANK
    assert parse_webhook(body | {"institution_id": "a/b"}).institution_id is None
    engine.world.receive_webhook(body, delivery_id="d1")
    assert [one for _, one in engine.world.queue.judgements] == [BANK]


def test_a_bank_without_connections_is_forgotten(engine: Engine) -> None:
    engine.goes_down_at_bank()
    engine.live(HOUR)
    assert engine.paused_until() is not None
    for name in engine.names[:5]:
        del engine.world.store.connections[name]
        del engine.world.store.states[name]
    engine.world.clock.move(timedelta(minutes=1))
    engine.tick()
    assert BANK not in engine.records.kept
    assert BANK not in engine.published.documents
    assert engine.paused_until() is None
    assert BANK not in engine.records.watched[0].institutions


def test_judgements_of_several_banks_at_once_do_not_lose_each_other_s_results(engine: Engine) -> None:
    engine.goes_down_at_bank()
    calls, other = engine.world.calls, list[str]()

    def judge_another(name: str) -> None:
        if name == "records.save" and not other:
            other.append(name)
            engine.judge(OTHERS[0])

    calls.before = judge_another
    engine.judge(BANK)
    assert other
    assert engine.state() is HealthState.DOWN
    assert engine.records.watched[0].unsettled == (BANK,)
    assert OTHERS[0] in engine.records.kept
