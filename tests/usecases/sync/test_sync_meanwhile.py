"""A run does not overwrite concurrent changes, and a long run renews its heartbeat and completes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from shared.domain.connection import ItemStatus
from shared.domain.errors import CursorRejected, ErrorClass, ProviderError
from shared.domain.progress import SyncStatus
from shared.domain.sync_state import SyncState
from shared.domain.transaction import History, Page
from shared.usecases.sync import hand_over, write_changes
from shared.usecases.sync.run_sync import Outcome
from tests.fakes import FakeItem, account, problem, row
from tests.usecases.conftest import World


def while_pages_are_fetched(world: World, change: Callable[[SyncState], SyncState]) -> None:
    """Change the state concurrently, once, just before the next page is requested."""

    def before(name: str) -> None:
        if name == "bank.changes":
            world.calls.before = None
            loaded = world.store.states["1"]
            world.store.save(change(loaded.state), expected=loaded.version)

    world.calls.before = before


def status_of(world: World) -> ItemStatus:
    return world.store.connections["1"].status


def due(world: World) -> None:
    world.clock.move(timedelta(hours=13))
    world.tick()


@pytest.mark.parametrize(
    ("trouble", "status"),
    [
        (problem(ErrorClass.USER, "ITEM_LOGIN_REQUIRED"), ItemStatus.BAD),
        (problem(ErrorClass.TERMINAL, "ITEM_NOT_SUPPORTED"), ItemStatus.ERROR),
    ],
    ids=("user", "terminal"),
)
def test_request_during_a_run_that_fails_permanently_starts_one_more_run(
    world: World, trouble: ProviderError, status: ItemStatus
) -> None:
    """The user repairs the login while a run that still uses the old one is in progress."""
    world.connected("1", row("t1"))
    world.settle()
    due(world)
    world.queue.tasks.clear()
    world.plaid.fail("changes", trouble)
    while_pages_are_fetched(world, lambda s: s.request(now=world.clock.now()))
    assert world.sync() is Outcome.DONE
    assert (world.state().status, world.state().error) == (SyncStatus.PENDING, None)
    assert status_of(world) == ItemStatus.GOOD
    assert [connection_id for _, connection_id in world.queue.tasks] == ["1"]
    world.plaid.fail("changes", trouble)
    name, _ = world.queue.tasks.pop()
    assert world.sync(task=name) is Outcome.DONE
    assert world.state().status == SyncStatus.FAILED, "no request arrived during this run"
    assert status_of(world) == status
    assert world.queue.tasks == []


def test_accounts_selected_again_during_a_run_are_read_by_the_next(world: World) -> None:
    item = world.connected("1", row("t1"))
    world.settle()
    due(world)

    def choose(state: SyncState) -> SyncState:
        item.accounts = [account(), account("ira")]  # without transactions, so that no page names it
        return state.reselect_accounts().request(now=world.clock.now())

    item.accounts_on_pages = [account()]
    while_pages_are_fetched(world, choose)
    world.settle()
    assert set(world.store.account_rows["1"]) == {"checking", "ira"}


@pytest.mark.parametrize("last_commit", [False, True])
def test_account_revoked_during_a_run_is_not_restored(
    world: World, monkeypatch: pytest.MonkeyPatch, last_commit: bool
) -> None:
    """Just before the page arrives, or just before its changes are committed."""
    item = world.connected("1", row("t1"), row("t0", account_id="savings", pending=True))
    item.accounts = [account(), account("savings")]
    world.settle()
    world.store.write_note("1", "t0", "mine")
    item.remove("t0")
    item.add(row("t2", account_id="savings", pending_transaction_id="t0"), row("t3"))
    due(world)

    def revoke(state: SyncState) -> SyncState:
        del world.store.account_rows["1"]["savings"]
        return state.remove_account("savings")

    if last_commit:
        really_save = world.store._save

        def save(*arguments: object, **named: object) -> object:
            if "bank.accounts" in world.calls.log[-3:]:
                monkeypatch.setattr(world.store, "_save", really_save)
                loaded = world.store.states["1"]
                world.store.save(revoke(loaded.state), expected=loaded.version)
            return really_save(*arguments, **named)  # type: ignore[arg-type]

        world.calls.log.clear()
        monkeypatch.setattr(world.store, "_save", save)
    else:
        while_pages_are_fetched(world, revoke)
    world.sync()
    assert world.state().status is SyncStatus.COMPLETED
    assert set(world.rows()) == {"t1", "t3"}
    assert set(world.store.account_rows["1"]) == {"checking"}
    assert world.state().account_ids == ("checking",)
    assert world.store.connections["1"].account_ids == ("checking",)


def test_a_run_leaves_a_revoked_account_to_its_revocation_which_notifies_the_user(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The revocation commits first just before the run's last commit, and then its process dies."""
    item = world.connected("1", row("t1"), row("t2", account_id="savings"))
    item.accounts = [account(), account("savings")]
    world.settle()
    item.add(row("t3"))
    due(world)
    really_save = world.store._save

    def save(*arguments: object, **named: object) -> object:
        if "bank.accounts" in world.calls.log[-3:]:
            monkeypatch.setattr(world.store, "_save", really_save)
            loaded = world.store.states["1"]
            world.store.save(loaded.state.remove_account("savings"), expected=loaded.version)
        return really_save(*arguments, **named)  # type: ignore[arg-type]

    world.calls.log.clear()
    monkeypatch.setattr(world.store, "_save", save)
    world.sync()
    assert world.state().revoked_accounts == ("savings",)

    def revocations_notified() -> list[str]:
        return [one.kind for one in world.store.notifications.values() if one.kind == "account_revoked"]

    assert revocations_notified() == []
    world.remove_account("1", "savings")
    assert revocations_notified() == ["account_revoked"]
    assert set(world.store.account_rows["1"]) == {"checking"}
    assert world.store.connections["1"].account_ids == ("checking",)
    assert set(world.rows()) == {"t1", "t3"}


@pytest.fixture
def _small_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.plaid.page_rows = 4
    monkeypatch.setattr(write_changes, "MAX_ATOMIC_ROWS", 2)
    monkeypatch.setattr(write_changes, "STREAM_ROWS", 2)


@pytest.mark.usefixtures("_small_pages")
def test_run_without_writes_still_renews_its_heartbeat(world: World) -> None:
    world.connected("1", *(row(f"t{n}") for n in range(40)))
    world.settle()
    world.sync_requests.reconcile("1")
    world.store.commits.clear()
    world.plaid.on_page = lambda: world.clock.move(timedelta(seconds=20))
    name, _ = world.queue.tasks.pop()
    world.sync(task=name)
    moments: list[datetime] = [state.updated_at for state, _ in world.store.commits]
    assert max(after - before for before, after in pairwise(moments)) < timedelta(seconds=45)
    assert world.state().status is SyncStatus.COMPLETED
    assert world.state().run == world.store.commits[0][0].run, "no other run took over"


@pytest.mark.usefixtures("_small_pages")
def test_reconciliation_longer_than_one_run_is_handed_over_and_completes(world: World) -> None:
    world.connected("1", *(row(f"t{n}") for n in range(40)))
    world.settle()
    world.store.rows["1"].pop("t0")
    world.store.put_row("1", "t1", {**row("t1"), "amount": "0.00", "user": {"note": "mine"}})
    world.store.put_row("1", "surplus", dict(row("surplus")))
    world.sync_requests.reconcile("1")
    world.plaid.on_page = lambda: world.clock.move(timedelta(minutes=2))
    deliveries = 0
    while world.queue.tasks:
        name, _ = world.queue.tasks.pop(0)
        began = world.clock.at
        world.sync(task=name)
        deliveries += 1
        assert world.clock.at - began < timedelta(minutes=9), "the function's time is up by then"
        assert deliveries < 20
    assert world.state().status is SyncStatus.COMPLETED
    assert not world.state().rebuilding
    assert not world.state().marking
    assert world.equals_truth()
    assert world.store.rows["1"]["t1"]["user"] == {"note": "mine"}


REJECTED = problem(ErrorClass.CONFIGURATION, "INVALID_FIELD", CursorRejected)
BROKEN = problem(ErrorClass.USER, "ITEM_LOGIN_REQUIRED")


def start_and_hand_over(world: World) -> None:
    """A run at its time limit, whose continuation is enqueued."""
    world.plaid.on_page = lambda: world.clock.move(timedelta(minutes=4))
    name, _ = world.queue.tasks.pop()
    world.sync(task=name)
    world.plaid.on_page = None
    assert world.state().handover is not None


@pytest.mark.parametrize("refresh", [False, True])
@pytest.mark.usefixtures("_small_pages")
def test_continuation_that_fails_permanently_ends_the_attempt(world: World, refresh: bool) -> None:
    world.connected("1", *(row(f"t{n}") for n in range(40)))
    world.queue.enqueue("1", name="first")
    start_and_hand_over(world)
    world.plaid.fail("changes", problem(ErrorClass.TRANSIENT, "RATE_LIMIT", retry_after_seconds=3600))
    name, _ = world.queue.tasks.pop()
    world.sync(task=name)
    assert world.state().status is SyncStatus.FAILED
    if refresh:
        loaded = world.store.states["1"]
        world.store.save(loaded.state.request(now=world.clock.now(), refresh=True), expected=loaded.version)
    world.plaid.fail("changes", BROKEN)
    world.clock.move(timedelta(hours=2))
    world.tick()
    name, _ = world.queue.tasks.pop()
    world.sync(task=name)
    assert world.state().status is SyncStatus.FAILED
    assert status_of(world) == ItemStatus.BAD
    assert world.queue.tasks == []


@pytest.mark.usefixtures("_small_pages")
def test_rejected_page_cursor_only_restarts_the_loop(world: World) -> None:
    item = world.connected("1", row("t"))
    world.settle()
    item.add(*(row(f"u{n}") for n in range(40)))
    due(world)
    start_and_hand_over(world)
    world.plaid.fail("changes", REJECTED)
    world.sync(task=world.queue.tasks.pop()[0])
    assert world.state().status is SyncStatus.COMPLETED
    assert not any(state.rebuilding for state, _ in world.store.commits)
    assert world.equals_truth()


@pytest.mark.usefixtures("_small_pages")
def test_rejected_page_cursor_does_not_end_a_full_read(world: World) -> None:
    world.connected("1", *(row(f"t{n}") for n in range(40)))
    world.settle()
    world.store.put_row("1", "surplus", dict(row("surplus")))
    world.sync_requests.reconcile("1")
    world.plaid.on_page = lambda: world.clock.move(timedelta(minutes=2))
    while world.queue.tasks:
        if world.state().handover is not None:
            world.plaid.on_page = None
            world.plaid.fail("changes", REJECTED)
        world.sync(task=world.queue.tasks.pop()[0])
    assert world.plaid.errors["changes"] == []
    assert world.state().status is SyncStatus.COMPLETED
    assert not world.state().rebuilding
    assert world.equals_truth()


@pytest.mark.usefixtures("_small_pages")
def test_removals_beyond_the_handover_limit_are_committed_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hand_over, "MAX_HANDOVER_IDS", 3)
    item = world.connected("1", *(row(f"t{n}", pending=n >= 20) for n in range(24)))
    world.settle()
    world.store.write_note("1", "t3", "of a row that goes")
    world.store.write_note("1", "t20", "of a pending one")
    item.remove(*(f"t{n}" for n in range(16)))
    item.add(*(row(f"p{n}", pending_transaction_id=f"t{n}") for n in range(20, 24)))
    item.remove("t20")
    item.add(*(row(f"u{n}") for n in range(12)))
    due(world)
    world.plaid.on_page = lambda: world.clock.move(timedelta(minutes=2))
    while world.queue.tasks:
        began = world.clock.at
        world.sync(task=world.queue.tasks.pop()[0])
        assert world.clock.at - began < timedelta(minutes=9), "the function's time is up by then"
    assert any(writes.handover for _, writes in world.store.commits)
    assert world.state().status is SyncStatus.COMPLETED
    assert world.equals_truth()
    assert world.store.rows["1"]["p20"]["user"] == {"note": "of a pending one"}
    assert "of a row that goes" in str(world.store.notifications)


def test_page_without_a_new_cursor_ends_the_attempt(world: World) -> None:
    world.connected("1", *(row(f"t{n}") for n in range(4)))
    world.plaid.page_rows = 2
    page = world.plaid._page

    def stuck(item: FakeItem, cursor: str | None) -> Page:
        return replace(page(item, None), next_cursor=cursor or "the same")

    setattr(world.plaid, "_page", stuck)  # noqa: B010 (a method, for one test)
    while world.sync(task="first") is Outcome.RETRY:
        world.clock.move(timedelta(seconds=10))
    assert (world.state().status, world.state().cursor) == (SyncStatus.FAILED, None)
    assert world.state().next_retry_at is not None
    assert world.calls.log.count("bank.changes") < 20


@pytest.mark.parametrize(("asked_for", "waits"), [(30, True), (3600, False)])
def test_retry_delay_from_plaid_is_respected(world: World, asked_for: int, waits: bool) -> None:
    """Delays up to a minute are waited for in the run; longer ones are left to the scheduler."""
    world.connected("1", row("t1"))
    world.plaid.fail("changes", problem(ErrorClass.TRANSIENT, "RATE_LIMIT", retry_after_seconds=asked_for))
    began = world.clock.at
    assert world.sync() is Outcome.DONE
    if waits:
        assert world.state().status is SyncStatus.COMPLETED
        assert world.clock.at - began >= timedelta(seconds=asked_for)
        assert world.calls.log.count("bank.changes") == 2
    else:
        assert world.state().status is SyncStatus.FAILED
        assert (world.state().next_retry_at or began) - began >= timedelta(seconds=asked_for)
        assert world.calls.log.count("bank.changes") == 1


def test_single_inconsistent_answer_does_not_reset_the_history(world: World) -> None:
    item = world.connected("1", row("t1"))
    world.settle()
    item.ready = History.RECENT
    due(world)
    world.sync()
    assert world.state().history_complete
