"""Pushes that ask to log in again wait while many logins of a bank break at once; the status never waits."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.domain.connection import ItemStatus
from shared.domain.errors import Unavailable
from shared.domain.push import PushMessage
from shared.ports import TaskFunction
from shared.usecases.institution_health.hold_login_prompts import LoginPrompts
from tests.usecases.conftest import World
from tests.usecases.institution_health.engine import Engine

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


class Tasks:
    """A queue that delivers tasks at their time."""

    def __init__(self) -> None:
        self.waiting: list[tuple[datetime, dict[str, Any]]] = []
        self.is_down = False

    def add(self, function: TaskFunction, payload: Any, *, name: str, at: datetime | None = None) -> None:
        if self.is_down:
            raise Unavailable("a problem", code="queue_unavailable")
        assert function is TaskFunction.SEND_PUSH
        assert name
        assert at is not None
        self.waiting.append((at, dict(payload)))


class Ground:
    """A bank whose logins break, and the pushes about that."""

    def __init__(self) -> None:
        self.engine = Engine(World(), size=30, others=())
        self.tasks = Tasks()
        self.sent: list[str] = []
        world = self.engine.world
        self.prompts = LoginPrompts(
            connections=world.store,
            contacts=self.engine.contacts,
            tasks=self.tasks,
            send=lambda message, _: self.sent.append(message.connection_id),
            clock=world.clock,
        )

    def message(self, name: str, kind: str = "needs_repair") -> PushMessage:
        return PushMessage(notification_id=f"{kind}-{name}", kind=kind, connection_id=name)

    def breaks(self, *names: str) -> None:
        for name in names:
            self._becomes(name, ItemStatus.BAD)
            self.prompts.announce(self.message(name), app_user_id=f"user-{name}")

    def heals(self, *names: str) -> None:
        for name in names:
            self._becomes(name, ItemStatus.GOOD)

    def _becomes(self, name: str, status: ItemStatus) -> None:
        store, now = self.engine.world.store, self.engine.world.clock.now()
        store.connections[name] = store.connections[name].model_copy(update={"status": status, "updated_at": now})

    def wait(self, time: timedelta) -> None:
        clock = self.engine.world.clock
        until = clock.at + time
        while clock.at < until:
            clock.move(MINUTE)
            due = [payload for at, payload in self.tasks.waiting if at <= clock.at]
            self.tasks.waiting = [(at, payload) for at, payload in self.tasks.waiting if at > clock.at]
            for payload in due:
                message = PushMessage.model_validate(payload)
                lost_at = datetime.fromisoformat(payload["lost_at"])
                self.prompts.deliver(message, app_user_id=payload["app_user_id"], lost_at=lost_at)


@pytest.fixture
def ground() -> Ground:
    return Ground()


def test_a_single_broken_login_is_announced_within_an_hour(ground: Ground) -> None:
    name = ground.engine.names[0]
    ground.breaks(name)
    assert ground.sent == []
    ground.wait(HOUR + MINUTE)
    assert ground.sent == [name]
    assert ground.tasks.waiting == []


def test_no_push_is_sent_in_a_storm_that_heals(ground: Ground) -> None:
    names = ground.engine.names[:12]
    for name in names:
        ground.breaks(name)
        ground.wait(2 * MINUTE)
    ground.wait(HOUR)
    assert ground.sent == []
    ground.heals(*names)
    ground.wait(3 * HOUR)
    assert ground.sent == []
    assert ground.tasks.waiting == []


def test_a_storm_that_lasts_delays_each_push_by_two_hours_at_most(ground: Ground) -> None:
    names = ground.engine.names[:12]
    ground.breaks(*names)
    ground.wait(2 * HOUR - 2 * MINUTE)
    assert ground.sent == []
    ground.wait(4 * MINUTE)
    assert sorted(ground.sent) == sorted(names)


def test_other_pushes_and_those_that_cannot_wait_are_sent_at_once(ground: Ground) -> None:
    name = ground.engine.names[0]
    ground.prompts.announce(ground.message(name, "bank_back"), app_user_id="u")
    ground.prompts.announce(ground.message("gone"), app_user_id="u")
    assert ground.sent == [name, "gone"]
    ground.tasks.is_down = True
    ground.breaks(name)
    assert ground.sent == [name, "gone", name]
