"""An outage of a bank from the first failure to the last deferred sync."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from unittest.mock import Mock

import pytest

from shared.domain.bank_contact import ContactSource
from shared.domain.institution_health.evidence import HealthState
from shared.domain.institution_health.recovery import Probes
from shared.domain.progress import SyncStatus
from shared.usecases.institution_health import judge_institution
from tests.fakes import row
from tests.usecases.conftest import World
from tests.usecases.institution_health.engine import OTHERS, Engine
from tests.usecases.institution_health.ground import BANK, HOUR


@pytest.fixture
def engine(world: World) -> Engine:
    return Engine(world)


def test_healthy_banks_cost_one_read_and_no_task(engine: Engine) -> None:
    read, tasks = engine.contacts.read, len(engine.world.queue.names)
    engine.watch()
    assert engine.contacts.read == read, "no connection is read"
    assert len(engine.world.queue.names) == tasks
    assert engine.records.kept == {}


def test_a_bank_is_down_within_two_scheduler_runs_and_only_its_syncs_are_paused(engine: Engine) -> None:
    engine.goes_down_at_bank()
    engine.tick()
    engine.world.clock.move(timedelta(minutes=15))
    engine.tick()
    assert engine.state() is HealthState.DOWN
    assert engine.paused_until() is not None
    assert [engine.paused_until(other) for other in OTHERS] == [None] * len(OTHERS)
    assert engine.published.documents[BANK].state is HealthState.DOWN


def test_what_plaid_reports_counts_at_once_although_its_clock_is_ahead(engine: Engine) -> None:
    engine.goes_down_at_bank(plaid_is_ahead=timedelta(minutes=1))
    engine.tick()
    assert engine.state() is HealthState.DOWN


def test_failed_refreshes_reveal_an_outage_that_plaid_does_not_report(engine: Engine) -> None:
    engine.goes_down_at_bank(reported=False)
    engine.refreshes(*engine.names[:6])
    for name in engine.names[:6]:
        state = engine.world.state(name)
        assert state.status is SyncStatus.COMPLETED, "the sync itself read Plaid's cache"
        assert (state.bank_failed, state.bank_source) == (True, ContactSource.LIVE)
    engine.tick()
    engine.world.clock.move(timedelta(minutes=15))
    engine.tick()
    assert engine.state() is HealthState.DOWN


def test_a_judgement_of_a_small_bank_probes_no_connection_twice(world: World) -> None:
    engine = Engine(world, size=2)
    engine.goes_down_at_bank(reported=False)
    engine.refreshes(*engine.names[:2])
    world.clock.move(timedelta(minutes=5))
    engine.judge(BANK)
    assert engine.state() is HealthState.SUSPECTED
    world.clock.move(timedelta(minutes=5))
    before = len(world.calls.log)
    engine.judge(BANK)
    assert world.calls.log[before:].count("bank.item") == 2


def test_probes_that_worked_count_until_the_next_step_may_start(engine: Engine) -> None:
    engine.goes_down_at_bank()
    engine.tick()
    engine.world.clock.move(timedelta(minutes=15))
    engine.tick()
    (record, version), now = engine.records.kept[BANK], engine.world.clock.at
    assert record.recovery is not None
    waits = replace(record.recovery, next_step_at=now + timedelta(minutes=20), next_probe_at=now + HOUR)
    engine.records.kept[BANK] = record.model_copy(update={"recovery": waits, "probes": Probes(2, 0)}), version
    engine.world.clock.move(timedelta(minutes=5))  # the evidence is fresh, so the pause is renewed
    engine.judge(BANK)
    assert (engine.state(), engine.record().probes) == (HealthState.DOWN, Probes(2, 0))
    engine.world.clock.move(timedelta(minutes=21))
    engine.judge(BANK)
    assert engine.state() is HealthState.RECOVERING


def test_one_user_alone_takes_no_bank_down(engine: Engine) -> None:
    store = engine.world.store
    for name in engine.names[:6]:
        store.connections[name] = store.connections[name].model_copy(update={"app_user_id": "mallory"})
        loaded = store.states[name]
        state = loaded.state.contacted(at=engine.world.clock.now(), failed=True, source=ContactSource.LIVE)
        state = state.model_copy(update={"app_user_id": "mallory"})
        store.save(state, expected=loaded.version)
    engine.live(2 * HOUR)
    assert engine.state() in (HealthState.HEALTHY, HealthState.SUSPECTED)
    assert engine.paused_until() is None


def test_during_an_outage_connections_keep_their_status_and_nobody_must_log_in(engine: Engine) -> None:
    before = {name: engine.world.store.connections[name].status for name in engine.names}
    engine.goes_down_at_bank()
    engine.live(3 * HOUR)
    assert {name: engine.world.store.connections[name].status for name in engine.names} == before
    assert engine.notifications("needs_repair") == {}


def test_a_manual_sync_during_an_outage_waits_with_the_reason_and_runs_after_it(engine: Engine) -> None:
    engine.goes_down_at_bank()
    engine.live(HOUR / 2)
    user = engine.names[1]
    runs = {name: engine.world.state(name).run for name in engine.names[:30]}
    progress = engine.sync_requests.by_user(user, app_user_id=f"user-{user}", count=lambda: None)
    assert progress.status is SyncStatus.PENDING
    assert progress.error is not None
    assert (progress.error.code, progress.error.retryable) == ("INSTITUTION_DOWN", True)
    assert progress.next_retry_at is not None
    engine.live(HOUR)
    assert {name: engine.world.state(name).run for name in engine.names[:30]} == runs, "no sync of the bank runs"
    assert set(engine.notifications("bank_down")) == {f"user-{user}"}
    engine.comes_back()
    engine.live(2 * HOUR)
    assert engine.world.state(engine.names[1]).status is SyncStatus.COMPLETED
    assert set(engine.notifications("bank_back")) == {f"user-{user}"}


def test_after_an_outage_all_connections_are_caught_up_within_an_hour(engine: Engine) -> None:
    engine.goes_down_at_bank()
    engine.live(HOUR)
    for number, name in enumerate(engine.names[:30]):
        engine.world.plaid.by_id(f"item-{name}").add(row(f"new-{number}"))
        engine.world.sync_requests.by_event(name)
    engine.live(4 * HOUR)
    assert engine.world.state(engine.names[0]).deferred_from is not None
    engine.comes_back()
    engine.live(HOUR)
    assert engine.state() is HealthState.HEALTHY
    assert engine.paused_until() is None
    assert all(engine.world.equals_truth(name) for name in engine.names[:30])
    assert engine.world.state(engine.names[0]).deferred_from is None


def test_deferred_syncs_resume_in_growing_steps_with_the_oldest_data_first(engine: Engine) -> None:
    engine.goes_down_at_bank()
    engine.live(HOUR)
    for name in reversed(engine.names[:30]):
        engine.world.clock.move(timedelta(seconds=1))
        engine.world.sync_requests.by_event(name)
    engine.live(HOUR / 2)
    oldest = engine.contacts.deferred(BANK, limit=30)
    assert len(oldest) == 30
    engine.comes_back()
    steps: list[int] = []
    waiting = 30
    while waiting:
        engine.world.clock.move(timedelta(minutes=5))
        engine.judge_enqueued()
        engine.sync_enqueued()
        left = engine.contacts.count_deferred(BANK)
        if left < waiting:
            steps.append(waiting - left)
            assert set(engine.contacts.deferred(BANK, limit=30)) == set(oldest[30 - left :])
            waiting = left
        if engine.paused_until() is None:
            break
    assert steps[:2] == [2, 5]
    assert steps[:-1] == sorted(steps[:-1]), "the last step is what is left"


def test_an_outage_that_nobody_reports_any_more_pauses_nothing_for_longer_than_six_hours(engine: Engine) -> None:
    engine.goes_down_at_bank()
    engine.tick()
    engine.world.clock.move(timedelta(minutes=15))
    engine.tick()
    until = engine.paused_until()
    assert until is not None
    assert until - engine.world.clock.at <= 6 * HOUR
    engine.world.clock.move(6 * HOUR)  # no process runs any more
    assert engine.paused_until() is None
    engine.world.sync_requests.by_event(engine.names[0])
    engine.sync_enqueued()
    assert engine.world.state(engine.names[0]).status is SyncStatus.COMPLETED


def test_a_failure_of_many_banks_at_once_is_blamed_on_none(world: World) -> None:
    engine = Engine(world)
    for bank in (BANK, *OTHERS):
        engine.goes_down_at_bank(bank, reported=False)
    engine.refreshes(*engine.names)
    engine.live(2 * HOUR)
    for bank in (BANK, *OTHERS):
        assert engine.state(bank) in (HealthState.HEALTHY, HealthState.SUSPECTED), bank
        assert engine.paused_until(bank) is None


@pytest.mark.parametrize("code", ["INVALID_API_KEYS", "INTERNAL_SERVER_ERROR", "RATE_LIMIT_EXCEEDED"])
def test_our_own_keys_and_plaid_s_failures_are_no_evidence_against_a_bank(engine: Engine, code: str) -> None:
    from shared.domain.errors import ErrorClass
    from tests.fakes import problem

    kind = ErrorClass.CONFIGURATION if code == "INVALID_API_KEYS" else ErrorClass.TRANSIENT
    for item in engine.items():
        item.refuses_live = item.refuses_data = problem(kind, code)
    engine.refreshes(*engine.names[:30])
    assert engine.contacts.latest(BANK, since=engine.world.clock.at - HOUR, limit=100) == []
    engine.live(HOUR)
    assert engine.state() is HealthState.HEALTHY


def test_a_bank_with_most_connections_is_not_paused_unless_plaid_agrees(world: World) -> None:
    engine = Engine(world, others=("ins_2",))
    engine.goes_down_at_bank(reported=False)
    engine.refreshes(*engine.names[:12])
    engine.live(HOUR)
    assert engine.record().verdict is not None
    assert engine.state() is HealthState.DOWN
    assert engine.paused_until() is None


def test_connections_are_not_read_again_and_again_once_all_users_are_notified(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in engine.names[:30]:
        engine.synced_at(name, engine.world.clock.at - 30 * HOUR)
    engine.goes_down_at_bank()
    engine.live(3 * HOUR)
    assert len(engine.notifications("bank_down")) == 30
    read = Mock(wraps=engine.notices.notified)  # each announcement begins with it, and then reads all connections
    monkeypatch.setattr(engine.notices, "notified", read)
    engine.live(20 * HOUR)
    assert engine.state() is HealthState.DOWN
    assert read.call_count == 0


def test_banks_that_recover_at_the_same_time_share_the_budget_of_catching_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge_institution, "LEAST_RELEASED", 2)
    monkeypatch.setattr(judge_institution, "USUAL_RATE", 0.08)
    engine = Engine(world, each=30)
    for bank in (BANK, "ins_2"):
        engine.goes_down_at_bank(bank)
    engine.live(HOUR)
    assert engine.state() is engine.state("ins_2") is HealthState.DOWN
    for name in engine.names[:60]:
        world.sync_requests.by_event(name)
    engine.sync_enqueued()
    for bank in (BANK, "ins_2"):
        engine.comes_back(bank)
    waiting = [60]
    while waiting[-1]:
        world.clock.move(timedelta(minutes=5))
        engine.judge_enqueued()
        engine.sync_enqueued()
        waiting.append(sum(engine.contacts.count_deferred(bank) for bank in (BANK, "ins_2")))
        assert len(waiting) < 40
    assert max(before - after for before, after in itertools.pairwise(waiting)) == 150 * 0.08
