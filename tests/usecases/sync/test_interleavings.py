"""Regression tests for event orders that once failed: stalls, late requests, lost answers, row chains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.domain.connection import Action, ItemStatus
from shared.domain.errors import Conflict, ErrorClass, Unavailable
from shared.domain.lease import LEASE
from shared.domain.progress import SyncProgress
from shared.domain.transaction import History, Page
from shared.ports import Write
from shared.usecases.sync import write_changes
from shared.usecases.sync.run_sync import Outcome
from tests.fake_sync_writes import Written
from tests.fakes import Crash, account, problem, row
from tests.usecases.conftest import ALICE, World


@pytest.fixture
def streaming(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_changes, "MAX_ATOMIC_ROWS", 2)
    monkeypatch.setattr(write_changes, "STREAM_ROWS", 2)


def ask(world: World) -> SyncProgress:
    return world.sync_requests.by_user("1", app_user_id=ALICE, count=lambda: None)


def again(world: World) -> None:
    world.clock.move(timedelta(hours=13))
    world.tick()
    world.settle()


def handed_over(world: World, rows: int = 12) -> None:
    """A first run that reached its time limit in the middle of a streamed history."""
    world.connected("1", *(row(f"t{n}") for n in range(rows)))
    world.plaid.on_page = lambda: world.clock.move(timedelta(minutes=4))
    assert world.sync(task="first") is Outcome.DONE
    world.plaid.on_page = None
    assert world.state().handover is not None


def stall_once(world: World, when: Callable[[Any, Written], bool]) -> None:
    """The next matching commit stalls past its lease, and another delivery takes the lease meanwhile."""
    really: Any = world.store._save
    stalled: list[bool] = []

    def save(state: Any, expected: Any, writes: Sequence[Write]) -> Any:
        if not stalled and when(state, Written(writes)):
            stalled.append(True)
            world.clock.move(LEASE + timedelta(seconds=1))
            now = world.store.states["1"]
            really(now.state.claim(now=world.clock.now(), owner="other#1"), now.version, ())
        return really(state, expected, writes)

    setattr(world.store, "_save", save)  # noqa: B010 (a method, for one test)


@pytest.mark.usefixtures("streaming")
def test_stalled_continuation_does_not_mistake_another_claim_for_its_own_commit(world: World) -> None:
    handed_over(world)
    stall_once(world, lambda state, writes: bool(writes.upserts) and (state.lease_owner or "").startswith("slow"))
    world.sync(task="slow")
    assert world.state().lease_owner == "other#1"
    again(world)
    assert world.equals_truth()


def test_stalled_restart_does_not_mistake_another_claim_for_its_own_commit(world: World) -> None:
    item = world.connected("1", *(row(f"t{n}") for n in range(6)))

    def mutate(at: int) -> None:
        if at:
            world.plaid.mutate_at_page = None
            item.epoch += 1

    world.plaid.mutate_at_page = mutate
    stall_once(world, lambda state, _: state.run == 2 and (state.lease_owner or "").startswith("slow"))
    world.sync(task="slow")
    assert (world.state().lease_owner, world.state().status) == ("other#1", "in_progress")


def test_run_recognizes_its_claim_after_a_lost_answer(world: World) -> None:
    world.connected("1", row("t"))
    really: Any = world.store._save
    lost: list[bool] = []

    def save(*arguments: Any) -> Any:
        version = really(*arguments)
        if not lost:
            lost.append(True)
            raise Conflict  # as a client that retries a commit that had succeeded
        return version

    setattr(world.store, "_save", save)  # noqa: B010
    assert world.sync(task="a") is Outcome.DONE
    assert world.equals_truth()


def test_a_run_whose_commits_are_all_refused_is_delivered_again(world: World) -> None:
    world.connected("1", row("t"))
    really: Any = world.store._save

    def save(state: Any, *arguments: Any) -> Any:
        if state.stage != "starting":
            raise Conflict  # another writer is always faster
        return really(state, *arguments)

    setattr(world.store, "_save", save)  # noqa: B010
    with pytest.raises(Unavailable):
        world.sync(task="a")
    setattr(world.store, "_save", really)  # noqa: B010
    world.clock.move(LEASE)
    assert world.sync(task="a") is Outcome.DONE
    assert world.equals_truth()


@pytest.mark.usefixtures("streaming")
def test_request_between_a_run_and_its_continuation_starts_one_more_run(world: World) -> None:
    handed_over(world)
    world.plaid.items["token-1"].add(row("late"))
    world.sync_requests.by_event("1")
    world.settle()
    assert world.equals_truth()


@pytest.mark.usefixtures("streaming")
def test_continuation_does_not_refresh_again(world: World) -> None:
    item = world.connected("1", row("t0"))
    world.settle()
    item.add(*(row(f"x{n}") for n in range(12)))
    ask(world)
    world.plaid.on_page = lambda: world.clock.move(timedelta(minutes=3))
    world.settle()
    assert world.calls.log.count("bank.refresh") == 1
    assert world.equals_truth()


def test_manual_sync_during_a_run_still_refreshes(world: World) -> None:
    world.connected("1", row("t0"))
    world.settle()

    def during(name: str) -> None:
        if name == "bank.changes":
            world.calls.before = None
            ask(world)

    world.clock.move(timedelta(hours=13))
    world.tick()
    world.calls.before = during
    world.settle()
    assert world.calls.log.count("bank.refresh") == 1
    again(world)
    assert world.calls.log.count("bank.refresh") == 1


def test_note_never_creates_a_row(world: World) -> None:
    item = world.connected("1", row("a", pending=True))
    world.settle()
    world.store.write_note("1", "a", "mine")
    added = [row("p", pending_transaction_id="a")]
    pages = [
        Page(added, [], ["a"], item.accounts, "item-1|1|1|0|2", has_more=True, history=History.COMPLETE),
        Page([], [], ["p"], item.accounts, "item-1|1|0|0|", has_more=False, history=History.COMPLETE),
    ]
    setattr(world.plaid, "_page", lambda item, cursor: pages.pop(0))  # noqa: B010
    world.clock.move(timedelta(hours=13))
    world.tick()
    world.sync()
    assert world.store.rows["1"] == {}
    assert "mine" in str(world.store.notifications)


def test_a_note_follows_a_chain_of_rows(world: World) -> None:
    item = world.connected("1", row("a", pending=True))
    world.settle()
    world.store.write_note("1", "a", "mine")
    added = [row("b", pending=True, pending_transaction_id="a"), row("c", pending_transaction_id="b")]
    pages = [
        Page(added[:1], [], ["a"], item.accounts, "item-1|1|1|0|2", has_more=True, history=History.COMPLETE),
        Page(added[1:], [], ["b"], item.accounts, "item-1|1|0|0|", has_more=False, history=History.COMPLETE),
    ]
    setattr(world.plaid, "_page", lambda item, cursor: pages.pop(0))  # noqa: B010
    world.clock.move(timedelta(hours=13))
    world.tick()
    world.sync()
    assert {i: r.get("user") for i, r in world.store.rows["1"].items()} == {"c": {"note": "mine"}}


def test_note_of_the_posted_row_is_kept_and_the_pending_rows_is_sent(world: World) -> None:
    item = world.connected("1", row("a", pending=True))
    world.settle()
    world.store.write_note("1", "a", "mine")
    item.add(row("p", pending_transaction_id="a"))
    again(world)
    world.store.write_note("1", "p", "other")
    item.remove("a")
    item.modify(row("p", pending_transaction_id="a", name="changed"))
    again(world)
    assert world.store.rows["1"]["p"]["user"] == {"note": "other"}
    assert "mine" in str(world.store.notifications)


def test_manual_sync_restarts_a_dead_run_at_once(world: World) -> None:
    world.connected("1", row("t"))
    world.calls.crash_before = len(world.calls.log) + 3
    with pytest.raises(Crash):
        world.sync()
    world.calls.crash_before = None
    world.clock.move(timedelta(minutes=2))
    assert ask(world).status == "pending"
    assert world.queue.tasks


def test_connection_whose_set_up_failed_is_retried_at_the_next_scheduler_run(world: World) -> None:
    world.connected("1", row("t"))
    world.queue.enqueue("1", name="first")
    world.settle()
    assert not world.state().is_set_up
    world.clock.move(timedelta(minutes=15))
    assert world.tick() == 1


def test_request_rate_is_kept_across_restarts(world: World) -> None:
    item = world.connected("1", *(row(f"t{n}") for n in range(40)))
    times: list[datetime] = []
    world.plaid.on_page = lambda: times.append(world.clock.at)

    def mutate(at: int) -> None:
        if at == 38 and item.epoch < 4:
            item.epoch += 1

    world.plaid.mutate_at_page = mutate
    world.sync()
    assert item.epoch == 4
    assert len(times) == 100
    for n, at in enumerate(times):
        assert sum(later - at < timedelta(minutes=1) for later in times[n:]) <= 50


def test_error_without_a_status_names_its_action_and_keeps_a_pending_status(world: World) -> None:
    item = world.connected("1", row("t"))
    world.settle()
    world.store.describe("1", {"status": ItemStatus.PENDING_EXPIRATION})
    item.add(row("u"))
    world.plaid.fail("changes", problem(ErrorClass.USER, "ADDITIONAL_CONSENT_REQUIRED"))
    world.clock.move(timedelta(hours=13))
    world.tick()
    world.sync()
    assert world.store.connections["1"].action is Action.RECONNECT
    world.clock.move(timedelta(hours=25))
    world.tick()
    world.settle()
    connection = world.store.connections["1"]
    assert (connection.status, connection.error_code) == (ItemStatus.PENDING_EXPIRATION, None)


def test_failing_connection_does_not_stop_the_scheduler_run(world: World) -> None:
    world.connected("1", row("t"))
    world.connected("2", row("t"))
    world.clock.move(timedelta(minutes=15))
    really: Any = world.store._save

    def save(state: Any, expected: Any, writes: Sequence[Write]) -> Any:
        if state.connection_id == "1":
            raise ValueError("unexpected")
        return really(state, expected, writes)

    setattr(world.store, "_save", save)  # noqa: B010
    assert world.tick() == 1


def test_accounts_missing_from_the_first_sync_are_removed(world: World) -> None:
    item = world.connected("1", row("t"))
    item.accounts = [account("a1")]
    world.store.account_rows["1"] = {"a1": account("a1"), "a2": account("a2")}
    loaded = world.store.states["1"]
    world.store.save(loaded.state.model_copy(update={"account_ids": ("a1", "a2")}), expected=loaded.version)
    world.sync()
    assert set(world.store.account_rows["1"]) == {"a1"}
