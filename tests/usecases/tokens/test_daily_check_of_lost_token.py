"""A connection whose token was lost asks Plaid nothing more: each refusal would look like wrong API keys."""

from __future__ import annotations

from tests.fakes import FakeInstitutions
from tests.usecases.conftest import World
from tests.usecases.tokens.rotating import LATER, crash_in_the_window, is_lost, with_a_connection, work


def test_daily_check_of_a_lost_token_calls_plaid_for_nothing(world: World) -> None:
    with_a_connection(world)
    crash_in_the_window(world)
    world.clock.move(LATER)
    work(world, turns=30)
    assert is_lost(world)
    world.calls.log.clear()
    world.check.daily_check("1")
    world.welcome(FakeInstitutions())
    assert [call for call in world.calls.log if call.startswith("bank.")] == []
