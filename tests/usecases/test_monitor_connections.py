"""The daily round over all connections."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.usecases import monitor_connections
from shared.usecases.monitor_connections import ConnectionsMonitor
from tests.usecases.conftest import World


def a_round(world: World, owners: list[set[str]]) -> list[str]:
    """The connections that were checked."""
    monitor = ConnectionsMonitor(
        connections=world.store,
        tasks=world.queue,
        clock=world.clock,
        erase_gone=lambda uids: owners.append(set(uids)),
    )
    monitor.begin()
    checked: list[str] = []
    while world.queue.others:
        function, payload = world.queue.others.pop(0)
        if function == "checkitems":
            monitor.page(payload.get("after"))
        else:
            assert function == "checkitem"
            checked.append(payload["connection_id"])
    return checked


def test_every_connection_is_checked_once_and_every_owner_looked_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_connections, "PAGE", 3)
    for number in range(7):
        world.connected(f"c{number}", owner=f"user-{number % 2}")
    owners: list[set[str]] = []
    assert a_round(world, owners) == [f"c{number}" for number in range(7)]
    assert set().union(*owners) == {"user-0", "user-1"}


def test_a_second_round_on_the_same_day_is_none_and_the_next_day_has_its_own(world: World) -> None:
    world.connected("c")
    assert a_round(world, []) == ["c"]
    assert a_round(world, []) == []
    world.clock.move(timedelta(days=1))
    assert a_round(world, []) == ["c"]


def test_without_connections_there_is_nothing_to_do(world: World) -> None:
    assert a_round(world, []) == []
