"""Setting a connection up survives a rotation of its token at any moment."""

from __future__ import annotations

import pytest

from tests.fakes import FakeInstitutions
from tests.usecases.conftest import World
from tests.usecases.tokens.rotating import rotate, stored, with_a_connection


@pytest.mark.parametrize("call", ["bank.item", "bank.set_webhook"])
def test_a_rotation_at_the_same_moment_does_not_fail_the_set_up(world: World, call: str) -> None:
    with_a_connection(world)

    def rotate_once(name: str) -> None:
        if name == call:
            world.calls.before = None
            rotate(world)

    world.calls.before = rotate_once
    world.welcome(FakeInstitutions())
    assert stored(world) == "token-1+"
    assert world.store.states["1"].state.is_set_up
    assert world.calls.log.count("bank.set_webhook") >= 1
