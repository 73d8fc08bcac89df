"""Pushes that ask to log in again wait while many logins of a bank break at once; the status never waits."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.domain.connection import ItemStatus
from shared.domain.errors import Unavailable
from shared.domain.institution_health.outage import Outage
from shared.domain.push import PushMessage
from shared.ports import TaskFunction
from shared.usecases.institution_health.hold_login_prompts import LoginPrompts
from tests.fake_outages import FakeOutages
from tests.usecases.conftest import World
from tests.usecases.institution_health.engine import Engine
from tests.usecases.institution_health.ground import BANK

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


class Tasks:
    """A queue that delivers tasks at their time."""

    def __init__(self) -> None:
        self.waiting: list[tuple[datetime, dict[str, Any]]] = []
        self.is_down = False
        self.added = 0

    def add(self, function: TaskFunction, payload: Any, *, name: str, at: datetime | None = None) -> None:
        if self.is_down:
            raise Unavailable("a problem", code="queue_unavailable")
        assert function is TaskFunction.SEND_PUSH
        assert name
        assert at is not None
        self.added += 1
        self.waiting.append((at, dict(payload)))


class Ground:
    """A bank whose logins break, and the pushes about that."""

    def __init__(self, size: int = 30) -> None:
        self.engine = Engine(World(), size=size, others=())
        self.tasks = Tasks()
        self.outages = FakeOutages()
        self.sent: list[str] = []
        world = self.engine.world
        self.prompts = LoginPrompts(
            connections=world.store,
            contacts=self.engine.contacts,
            outages=self.outages,
            tasks=self.tasks,
            send=lambda message, _: self.sent.append(message.connection_id),
            clock=world.clock,
        )

    def message(self, name: str, kind: str = "needs_repair") -> PushMessage:
        return PushMessage(notification_id=f"{kind}-{name}", kind=kind, connection_id=name)

    def breaks(self, *names: str) -> None:
        for name in names:
            self.becomes(name, ItemStatus.BAD)
            self.prompts.announce(self.message(name), app_user_id=f"user-{name}")

    def heals(self, *names: str) -> None:
        for name in names:
            self.becomes(name, ItemStatus.GOOD)

    def goes_down(self) -> None:
        now = self.engine.world.clock.now()
        self.outages.now[BANK] = Outage(BANK, since=now, next_check_at=now)

    def becomes(self, name: str, status: ItemStatus) -> None:
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


@pytest.mark.parametrize("size", [1, 2])
def test_a_bank_with_too_few_connections_for_a_storm_is_announced_at_once(size: int) -> None:
    ground = Ground(size)
    name = ground.engine.names[0]
    ground.breaks(name)
    assert ground.sent == [name]
    assert ground.tasks.waiting == []


def test_a_reminder_of_a_login_that_broke_a_week_ago_is_sent_at_once(ground: Ground) -> None:
    name = ground.engine.names[0]
    ground.becomes(name, ItemStatus.BAD)
    ground.engine.world.clock.move(timedelta(days=7))
    ground.prompts.announce(ground.message(name), app_user_id="u")
    assert ground.sent == [name]


def test_a_missing_consent_is_announced_at_once_although_the_login_works(ground: Ground) -> None:
    name = ground.engine.names[0]
    ground.prompts.announce(ground.message(name), app_user_id="u")
    assert ground.sent == [name]
    assert ground.tasks.waiting == []


def test_no_user_is_asked_to_log_in_while_the_bank_is_down(ground: Ground) -> None:
    broken, healed = ground.engine.names[:2]
    ground.goes_down()
    ground.breaks(broken, healed)
    ground.wait(9 * HOUR)
    assert ground.sent == []
    ground.outages.now.clear()
    ground.heals(healed)
    ground.wait(10 * HOUR)
    assert ground.sent == [broken]
    assert ground.tasks.waiting == []


def test_an_outage_that_begins_while_a_push_waits_defers_it(ground: Ground) -> None:
    name = ground.engine.names[0]
    ground.breaks(name)
    ground.goes_down()
    ground.wait(2 * HOUR)
    assert ground.sent == []


def test_waiting_for_the_end_of_a_long_outage_takes_few_tasks(ground: Ground) -> None:
    ground.goes_down()
    ground.breaks(ground.engine.names[0])
    ground.wait(timedelta(days=20))
    assert ground.sent == []
    assert ground.tasks.added <= 30
