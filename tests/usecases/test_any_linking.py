"""Any mix of links, exchanges, removals, rotations, sweeps and crashes preserves one connection per item."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from shared.domain.audit import Actor
from shared.domain.errors import BankError, ErrorClass
from shared.domain.overlap import LinkedAccount
from shared.domain.removal import RemovalReason
from tests.fakes import Crash, account, problem
from tests.usecases.conftest import ALICE
from tests.usecases.item_ground import item_violations
from tests.usecases.linking_ground import exchange, new_world, open_intents_left, store_down, sweep

USERS = (ALICE, "bob")
METADATA = (LinkedAccount("Checking", "0000"),)


class AnyLinking(RuleBasedStateMachine):
    """A few items, and arbitrary actions of two users and their apps with the public tokens."""

    tokens: Bundle[str] = Bundle("tokens")

    @initialize()
    def begin(self) -> None:
        self.world = new_world()
        self.made = 0

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        world.calls.crash_before = world.calls.crash_after = world.calls.before = None
        world.plaid.errors.clear()
        for _ in range(4 * 24 * 5):
            world.clock.move(timedelta(minutes=15))
            sweep(world)
        world.clean_up()
        sweep(world)
        assert open_intents_left(world) == []
        assert item_violations(world) == []
        for connection in world.store.connections.values():
            held = [item for item in world.plaid.items.values() if item.item_id == connection.item_id]
            assert held or connection.status == "error" or self._lost_in_rotation(connection.connection_id)

    def _lost_in_rotation(self, connection_id: str) -> bool:
        """A process that dies in a rotation's one window loses the token, and the item with it."""
        return self.world.store.kept[connection_id][0].rotating_since is not None

    @rule(target=tokens, same_accounts=st.booleans())
    def a_bank_is_linked(self, same_accounts: bool) -> str:
        self.made += 1
        one = account() if same_accounts else account(f"a{self.made}", name=f"Account {self.made}")
        self.world.plaid.new_item(str(self.made), accounts=[one])
        return f"public-{self.made}"

    @rule(target=tokens, which=st.integers(1, 3))
    def update_mode_is_finished(self, which: int) -> str:
        return self.world.plaid.update_mode(str(which))

    @rule(token=tokens, user=st.sampled_from(USERS), twice=st.booleans(), named=st.booleans(), allow=st.booleans())
    def an_app_exchanges(self, token: str, user: str, twice: bool, named: bool, allow: bool) -> None:
        for _ in range(1 + twice):
            given = METADATA if named else ()
            self._survive(partial(exchange, self.world, token, user=user, accounts=given, allow_duplicate=allow))

    @rule(which=st.integers(0, 3))
    def a_user_removes_a_connection(self, which: int) -> None:
        connections = list(self.world.store.connections.values())
        if which < len(connections):
            one = connections[which]
            self._survive(lambda: self.world.remove(one.connection_id, owner=one.app_user_id))

    @rule(user=st.sampled_from(USERS))
    def a_user_erases_everything(self, user: str) -> None:
        self._survive(lambda: self.world.eraser.begin(user, reason=RemovalReason.ERASURE))

    @rule(which=st.integers(0, 3))
    def a_token_is_replaced(self, which: int) -> None:
        connections = list(self.world.store.connections)
        if which < len(connections):
            self._survive(lambda: self.world.rotations.request(connections[which], by=Actor.OPERATOR))
            self._survive(lambda: self.world.rotation(connections[which]))

    @rule()
    def the_queue_works(self) -> None:
        with suppress(AssertionError):  # tasks remain
            self._survive(lambda: self.world.clean_up(turns=1))

    @rule(minutes=st.sampled_from([1, 15, 60, 25 * 60]))
    def time_passes_and_the_sweep_runs(self, minutes: int) -> None:
        self.world.clock.move(timedelta(minutes=minutes))
        self._survive(lambda: sweep(self.world))

    @rule(method=st.sampled_from(["remove", "item", "accounts", "exchange"]), times=st.integers(1, 3))
    def plaid_is_down_for_a_while(self, method: str, times: int) -> None:
        self.world.plaid.fail(method, *[problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR")] * times)

    @rule(calls=st.integers(0, 12), times=st.integers(1, 8))
    def the_store_is_down_for_a_while(self, calls: int, times: int) -> None:
        left = [calls, times]

        def down(name: str) -> None:
            if name.startswith(("bank", "vault")):
                return
            if left[0] > 0:
                left[0] -= 1
            elif left[1] > 0:
                left[1] -= 1
                raise store_down()

        self.world.calls.before = down

    @rule(calls=st.integers(0, 12), before=st.booleans())
    def the_process_will_die(self, calls: int, before: bool) -> None:
        at = len(self.world.calls.log) + calls
        self.world.calls.crash_before, self.world.calls.crash_after = (at, None) if before else (None, at)

    @invariant()
    def no_item_has_two_connections(self) -> None:
        if hasattr(self, "world"):
            assert item_violations(self.world) == []

    def _survive(self, story: Callable[[], object]) -> None:
        with suppress(Crash, BankError):
            story()


TestAnyLinking = AnyLinking.TestCase
EXAMPLES = 2000 if os.environ.get("SOAK") else 60
TestAnyLinking.settings = settings(max_examples=EXAMPLES, stateful_step_count=30, deadline=None)
