"""Any mix of changes, faults, crashes, redeliveries and scheduler runs ends with the store equal to the bank."""

from __future__ import annotations

import os
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from shared.domain.errors import CursorRejected, ErrorClass, PagingInterrupted
from shared.domain.lease import LEASE
from shared.domain.transaction import History
from shared.usecases.sync import write_changes
from shared.usecases.sync.run_sync import Outcome
from tests.fakes import Crash, account, problem, row
from tests.usecases.conftest import World
from tests.usecases.item_ground import item_violations

FAULTS = {
    "outage": problem(ErrorClass.TRANSIENT, "INSTITUTION_DOWN"),
    "limit": problem(ErrorClass.TRANSIENT, "TRANSACTIONS_SYNC_LIMIT", retry_after_seconds=60),
    "interrupted": problem(ErrorClass.TRANSIENT, "MUTATION", PagingInterrupted),
    "foreign": problem(ErrorClass.CONFIGURATION, "INVALID_FIELD", CursorRejected),
    "login": problem(ErrorClass.USER, "ITEM_LOGIN_REQUIRED"),
    "ours": problem(ErrorClass.CONFIGURATION, "INVALID_API_KEYS"),
}


class AnyHistory(RuleBasedStateMachine):
    """One connection under arbitrary events."""

    rows: Bundle[str] = Bundle("rows")

    @initialize(atomic=st.sampled_from([2, 5, 800]), named=st.booleans(), ready=st.booleans())
    def begin(self, atomic: int, named: bool, ready: bool) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(write_changes, "MAX_ATOMIC_ROWS", atomic)
        self.patch.setattr(write_changes, "STREAM_ROWS", max(2, atomic // 2))
        self.world = World()
        self.item = self.world.connected("1")
        self.item.accounts.append(account("savings"))
        self.item.ready = History.COMPLETE if ready else History.NOT_READY
        self.world.plaid.names_vanished_rows = named
        self.made = 0
        self.notes: dict[str, str] = {}
        self.beats = 0

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        world.calls.crash_before = world.calls.crash_after = world.calls.before = None
        world.plaid.errors.clear()
        world.plaid.mutate_at_page = None
        self.item.ready = History.COMPLETE
        for what in ("ins_1", None):
            world.pauses.resume(what)
        world.clock.move(timedelta(hours=25))
        world.tick()
        self._survive(lambda: world.check.by_user(world.store.connections["1"]))
        world.settle()
        assert world.equals_truth()
        assert world.state().status == "completed"
        assert item_violations(world) == []
        for transaction_id, note in self.notes.items():
            assert world.store.rows["1"][transaction_id]["user"] == {"note": note}
        self.patch.undo()

    @rule(target=rows, pending=st.booleans(), account_id=st.sampled_from(["checking", "savings"]))
    def the_bank_adds(self, pending: bool, account_id: str) -> str:
        self.made += 1
        self.item.add(row(f"t{self.made}", pending=pending, account_id=account_id))
        return f"t{self.made}"

    @rule(changed=rows)
    def the_bank_sends_a_row_that_cannot_be_stored(self, changed: str) -> None:
        if changed in self.item.truth():
            self.item.spoil(changed, account_id=self.item.truth()[changed]["account_id"])
            self.item.epoch += 1

    @rule()
    def a_new_row_cannot_be_stored(self) -> None:
        self.made += 1
        self.item.spoil(f"odd{self.made}", f"odd/{self.made}")

    @rule()
    def an_account_is_revoked(self) -> None:
        """The webhook is late: the bank still holds the account, or holds it again, and names none of its rows."""
        for one in [i for i, stored in self.world.rows().items() if stored["account_id"] == "savings"]:
            self.notes.pop(one, None)  # the note is removed with its row
        self._survive(partial(self._revoke, "savings"))

    def _revoke(self, account_id: str) -> None:
        self.world.remove_account("1", account_id)

    @rule()
    def accounts_are_shared_again(self) -> None:
        self._survive(lambda: self.world.check.by_user(self.world.store.connections["1"]))

    @rule(changed=rows, same=st.booleans())
    def the_bank_modifies(self, changed: str, same: bool) -> None:
        truth = self.item.truth()
        if changed in truth:
            self.made += 1
            self.item.modify(truth[changed] if same else {**truth[changed], "name": f"name {self.made}"})
            self.item.epoch += 1

    @rule(gone=consumes(rows))
    def the_bank_removes(self, gone: str) -> None:
        if gone in self.item.truth():
            self.item.remove(gone)
            self.item.epoch += 1
            self.notes.pop(gone, None)

    @rule(target=rows, pending=consumes(rows))
    def the_bank_posts(self, pending: str) -> str:
        self.made += 1
        if pending in self.item.truth():
            self.item.remove(pending)
            self.item.epoch += 1
            note = self.notes.pop(pending, None)
            # A row that existed only between two reads is the missing link: its successor cannot be known, so its note
            # is sent to the user instead.
            if note is not None and pending in self.world.store.rows["1"]:
                self.notes[f"t{self.made}"] = note
        self.item.add(row(f"t{self.made}", pending_transaction_id=pending))
        return f"t{self.made}"

    @rule(on=rows)
    def the_user_writes(self, on: str) -> None:
        if on in self.world.store.rows["1"] and on in self.item.truth():
            self.notes[on] = f"note {self.made}"
            self.world.store.write_note("1", on, self.notes[on])

    @rule(name=st.sampled_from(sorted(FAULTS)), times=st.integers(1, 4))
    def plaid_refuses(self, name: str, times: int) -> None:
        self.world.plaid.fail("changes", *([FAULTS[name]] * times))

    @rule(calls=st.integers(0, 12), before=st.booleans())
    def the_process_will_die(self, calls: int, before: bool) -> None:
        at = len(self.world.calls.log) + calls
        self.world.calls.crash_before, self.world.calls.crash_after = (at, None) if before else (None, at)

    @rule(task=st.sampled_from(["a", "b"]), times=st.integers(1, 3))
    def a_task_is_delivered(self, task: str, times: int) -> None:
        for _ in range(times):
            try:
                if self.world.sync(task=task) is Outcome.DONE:
                    return
            except Crash:
                return

    @rule()
    def a_webhook_arrives(self) -> None:
        self._survive(lambda: self.world.sync_requests.by_event("1"))

    @rule(minutes=st.sampled_from([0, 1, 5, 15, 60, 13 * 60, 25 * 60]))
    def time_passes_and_the_scheduler_runs(self, minutes: int) -> None:
        self.world.clock.move(timedelta(minutes=minutes))
        self._survive(self.world.tick)

    @rule()
    def a_lease_runs_out(self) -> None:
        self.world.clock.move(LEASE)

    @precondition(lambda self: not self.world.state().is_leased(self.world.clock.at))
    @rule()
    def an_operator_reconciles(self) -> None:
        self._survive(lambda: self.world.sync_requests.reconcile("1"))

    @rule(what=st.sampled_from(["ins_1", None]))
    def an_operator_pauses(self, what: str | None) -> None:
        self.world.pauses.pause(what, by="op", reason="")

    @rule(what=st.sampled_from(["ins_1", None]))
    def an_operator_resumes(self, what: str | None) -> None:
        self.world.pauses.resume(what)

    @rule()
    def the_history_is_ready(self) -> None:
        self.item.ready = History.COMPLETE

    @invariant()
    def the_heartbeat_only_grows(self) -> None:
        if hasattr(self, "world"):
            assert self.world.state().heartbeat_seq >= self.beats
            self.beats = self.world.state().heartbeat_seq

    @staticmethod
    def _survive(story: Any) -> None:
        try:
            story()
        except Crash:
            return


TestAnyHistory = AnyHistory.TestCase
EXAMPLES = 2000 if os.environ.get("SOAK") else 150
TestAnyHistory.settings = settings(max_examples=EXAMPLES, stateful_step_count=40, deadline=None)


def test_day_long_bank_outage_costs_few_calls_and_recovers_without_a_status_change() -> None:
    world = World()
    world.connected("1", row("t1"), row("t2"))
    down = [problem(ErrorClass.TRANSIENT, "INSTITUTION_DOWN")] * 1000
    world.plaid.fail("changes", *down)
    end = world.clock.at + timedelta(days=1)
    world.queue.enqueue("1", name="first")
    attempts = []
    while world.clock.at < end:
        while world.queue.tasks:
            task, _ = world.queue.tasks.pop(0)
            while world.sync(task=task) is Outcome.RETRY:
                world.clock.move(timedelta(seconds=5))
            attempts.append(world.clock.at)
            assert world.state().status == "failed"
        world.clock.move(timedelta(minutes=15))
        world.tick()
    assert world.store.connections["1"].status == "good"
    gaps = [later - earlier for earlier, later in pairwise(attempts)]
    assert world.calls.log.count("bank.changes") <= 30
    assert max(gaps[:2]) <= timedelta(minutes=15, seconds=30)
    assert gaps[-1] > timedelta(hours=4)
    world.plaid.errors.clear()
    world.settle()
    assert world.equals_truth()
