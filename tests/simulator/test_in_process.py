"""The simulator's world without server, event loop and wall clock: the same seed gives the same answers."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from emulators.plaid.app import Plaid, Received
from emulators.plaid.clock import Clock
from emulators.plaid.faults import ErrorClass
from emulators.plaid.settings import Settings
from emulators.plaid.spoiled import BrokenResponse
from emulators.plaid.webhooks import Delivery, Webhooks
from emulators.plaid.world import World
from tests.simulator.harness import BANK

Json = dict[str, Any]
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
AHEAD = timedelta(seconds=90)  # of the receiver's clock


class VirtualClock(Clock):
    """A clock that only `pass_by` moves."""

    def __init__(self) -> None:
        super().__init__()
        self._now, self._due = START, list[tuple[datetime, int, Callable[[], None]]]()

    def now(self) -> datetime:
        return self._now

    def wall_time(self) -> float:
        return (self._now + AHEAD).timestamp()

    def at(self, when: datetime, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (when, next(self._order), action))

    def pass_by(self, seconds: float) -> None:
        target = self._now + timedelta(seconds=seconds)
        while self._due and self._due[0][0] <= target:
            when, _, action = heapq.heappop(self._due)
            self._now = max(self._now, when)
            action()
        self._now = target


class Mailbox(Webhooks):
    """Signs webhooks and keeps them instead of sending them."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.sent: list[tuple[str, str]] = []

    def _start(self, delivery: Delivery, *, times: int = 1, then_held: bool = False) -> None:
        self.sent += [(delivery.body["webhook_code"], self._sign(delivery)[1]) for _ in range(times)]


class InProcess:
    """A world, called without a server."""

    def __init__(self, seed: int | None = 7) -> None:
        self.clock = VirtualClock()
        self.world = World(Settings(seed=seed), self.clock, Mailbox)
        self.plaid = Plaid(self.world)

    @property
    def sent(self) -> list[tuple[str, str]]:
        assert isinstance(self.world.webhooks, Mailbox)
        return self.world.webhooks.sent

    def call(self, path: str, **fields: Any) -> Json:
        credentials = {"client_id": "id", "secret": "a secret"}
        answer = self.plaid.answer(Received(path, "POST", "application/json", fields, credentials, "http://plaid/"))
        body: Json = json.loads(bytes(answer.body))
        return body

    def linked(self) -> str:
        """The access token of a new item, whose history is complete."""
        made = self.call(
            "/sandbox/public_token/create",
            institution_id=BANK,
            initial_products=["transactions"],
            options={"webhook": "http://receiver/"},
        )
        token: str = self.call("/item/public_token/exchange", public_token=made["public_token"])["access_token"]
        self.clock.pass_by(10)
        return token


def played(seed: int | None) -> list[Json]:
    """All answers of one scenario."""
    simulator = InProcess(seed)
    token = simulator.linked()
    first = simulator.call("/transactions/sync", access_token=token)
    again = simulator.call("/transactions/sync", access_token=token, cursor=first["next_cursor"])
    assert first["added"]
    return [first, again, simulator.call("/item/get", access_token=token)]


def test_same_seed_gives_the_same_answers_and_another_seed_gives_others() -> None:
    assert played(7) == played(7)
    assert [len(answer) for answer in played(8)] == [len(answer) for answer in played(7)]
    assert all(one != other for one, other in zip(played(8), played(7), strict=True))


def test_cursors_without_a_seed_cannot_be_forged_by_another_simulator() -> None:
    assert InProcess(None).world.cursors.secret != InProcess(None).world.cursors.secret
    assert InProcess(7).world.cursors.secret == InProcess(7).world.cursors.secret != InProcess(8).world.cursors.secret


def test_webhooks_follow_the_given_clock_and_are_signed_at_the_receivers_time() -> None:
    simulator = InProcess()
    simulator.linked()
    assert [code for code, _ in simulator.sent] == ["INITIAL_UPDATE", "HISTORICAL_UPDATE"]
    moments = [jwt.decode(token, options={"verify_signature": False})["iat"] for _, token in simulator.sent]
    at = (START + AHEAD).timestamp()
    assert moments == [at + 1, at + 3]


def test_retired_key_expires_at_the_receivers_time() -> None:
    simulator = InProcess()
    old = simulator.world.keys.current
    simulator.clock.pass_by(3600)
    simulator.world.keys.rotate()
    assert simulator.world.keys.jwk(old)["expired_at"] == (START + AHEAD).timestamp() + 3600


def test_login_lives_as_long_as_on_a_server() -> None:
    simulator = InProcess()
    token = simulator.linked()
    simulator.clock.pass_by(timedelta(days=31).total_seconds())
    assert simulator.call("/transactions/sync", access_token=token)["error_code"] == "ITEM_LOGIN_REQUIRED"


@pytest.mark.parametrize("kind", ["reset", "half_body", "hang"])
def test_lost_answer_is_a_broken_response_at_once(kind: str) -> None:
    simulator = InProcess()
    simulator.world.faults.rules.append(ErrorClass(kind=kind))
    answer = simulator.plaid.answer(Received("/item/get", "POST", "application/json", {}, {}, "http://plaid/"))
    assert isinstance(answer, BrokenResponse)
    assert simulator.clock.now() == START


def test_injected_latency_is_left_to_the_caller_and_injected_errors_are_answered() -> None:
    simulator = InProcess()
    token = simulator.linked()
    before = simulator.clock.now()
    simulator.world.faults.rules += [
        ErrorClass(kind="latency", seconds=60),
        ErrorClass(kind="error", error_code="PLANNED_MAINTENANCE"),
    ]
    assert simulator.call("/item/get", access_token=token)["item"]
    assert simulator.call("/item/get", access_token=token)["error_code"] == "PLANNED_MAINTENANCE"
    assert simulator.call("/item/get", access_token=token)["item"]
    assert simulator.clock.now() == before
