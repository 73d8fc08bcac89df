"""Steps that tests of token rotation share."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain import grace_periods
from shared.domain.audit import Actor, AuditAction
from shared.domain.connection import Action, ItemStatus
from shared.domain.credentials import StoredAccessToken
from shared.domain.errors import BankError, ErrorKind, ProviderError
from shared.domain.region import Region
from shared.ports import TaskFunction
from tests.fakes import Crash, row
from tests.usecases.conftest import ALICE, World

LATER = grace_periods.ROTATION + timedelta(seconds=1)


def with_a_connection(world: World) -> World:
    """A connection of the second key pair whose data are synced."""
    world.connected("1", *(row(f"t{n}") for n in range(5)), region=Region.EU)
    world.settle()
    return world


def ask(world: World) -> None:
    assert world.rotations.request("1", by=Actor.OPERATOR)


def work(world: World, *, turns: int = 1) -> None:
    """The queue delivers waiting tasks; the scheduler finds the remaining work."""
    for _ in range(turns):
        while world.queue.others:
            function, payload = world.queue.others.pop(0)
            assert function == TaskFunction.ROTATE_TOKEN
            try:
                world.rotation(payload["connection_id"])
            except BankError:
                world.queue.others.append((function, payload))
                world.clock.move(timedelta(seconds=60))
        world.clock.move(timedelta(minutes=15))
        world.rotations.sweep()


def rotate(world: World) -> None:
    ask(world)
    world.queue.others.clear()
    world.rotation("1")


def kept(world: World) -> StoredAccessToken:
    return world.store.kept["1"][0]


def stored(world: World) -> str:
    return world.store.tokens["1"].ciphertext.split("/")[-1]


def works(world: World) -> bool:
    return stored(world) in world.plaid.items


def actions(world: World) -> list[AuditAction]:
    return [entry.action for entry in world.store.audit[ALICE]]


def is_lost(world: World) -> bool:
    """Whether the token counts as lost; all documents that record a loss must agree."""
    connection = world.store.connections["1"]
    lost = AuditAction.TOKEN_LOST in actions(world)
    assert (connection.status is ItemStatus.ERROR) is lost
    assert (connection.action is Action.RELINK) is lost
    assert any("needs_relink" in name for name in world.store.notifications) is lost
    return lost


def crash_in_the_window(world: World) -> None:
    """The process dies between Plaid's answer and the store."""

    def die(name: str) -> None:
        if name == "credentials.save" and "token-1" in world.plaid.dead_tokens:
            raise Crash

    ask(world)
    world.calls.before = die
    with pytest.raises(Crash):
        world.rotation("1")
    world.calls.before = None


def no_answer() -> ProviderError:
    return ProviderError("", kind=ErrorKind.PLAID_DOWN, error_type="TRANSPORT", error_code="NO_ANSWER")
