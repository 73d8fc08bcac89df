"""A bank's health is published only for banks with several users, and written only when it changes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.institution_health.evidence import HealthState, OutageKind
from tests.usecases.conftest import World
from tests.usecases.institution_health.ground import BANK, Ground

FIVE = ("ann", "bob", "cid", "dan", "eve")


@pytest.fixture
def ground(world: World) -> Ground:
    return Ground(world)


def test_an_outage_is_published_with_five_users(ground: Ground) -> None:
    ground.users(*FIVE)
    health = ground.publish_health(BANK, ground.verdict(HealthState.DOWN))
    assert health == ground.published.find(BANK)
    assert health is not None
    assert (health.state, health.kind, health.message_key) == ("down", "both", "bank_down")


def test_nothing_is_published_about_a_bank_with_fewer_users_even_with_many_connections(ground: Ground) -> None:
    ground.users(*FIVE[:4])
    for i in range(60):
        ground.world.connected(f"more-{i}", owner="ann")
    assert ground.publish_health(BANK, ground.verdict(HealthState.DOWN)) is None
    assert ground.published.documents == {}


def test_a_document_is_withdrawn_when_users_leave_and_the_next_change_comes(ground: Ground) -> None:
    ground.users(*FIVE)
    ground.publish_health(BANK, ground.verdict(HealthState.DOWN))
    ground.world.remove("of-eve", owner="eve")
    assert ground.publish_health(BANK, ground.verdict(HealthState.RECOVERING)) is None
    assert ground.published.documents == {}


def test_an_unchanged_state_is_not_written_again_until_it_is_renewed(ground: Ground) -> None:
    ground.users(*FIVE)
    verdict = ground.verdict(HealthState.DOWN)
    for _ in range(5):
        ground.publish_health(BANK, verdict)
        ground.world.clock.move(timedelta(minutes=5))
    assert ground.published.writes == 1
    ground.world.clock.move(timedelta(minutes=5))
    ground.publish_health(BANK, verdict)
    assert ground.published.writes == 2


def test_a_healthy_bank_costs_no_write_and_no_count_of_its_users(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise AssertionError("users were counted")

    monkeypatch.setattr(ground.world.store, "users_at", refuse)
    for state in (HealthState.HEALTHY, HealthState.SUSPECTED, HealthState.HEALTHY):
        assert ground.publish_health(BANK, ground.verdict(state, None)) is None
    assert ground.published.writes == 0


def test_the_whole_outage_is_published_step_by_step(ground: Ground) -> None:
    ground.users(*FIVE)
    seen = []
    for state, kind in (
        (HealthState.SUSPECTED, OutageKind.DATA),
        (HealthState.DEGRADED, OutageKind.DATA),
        (HealthState.DOWN, OutageKind.DATA),
        (HealthState.RECOVERING, OutageKind.DATA),
        (HealthState.HEALTHY, None),
    ):
        ground.publish_health(BANK, ground.verdict(state, kind))
        found = ground.published.find(BANK)
        seen.append(found and str(found.message_key))
    assert seen == [None, "bank_late", "bank_data_down", "bank_recovering", "bank_ok"]
