"""One sync run on fakes: what it writes, and how it ends."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.domain.connection import Action, ItemStatus
from shared.domain.errors import CursorRejected, ErrorClass, PagingInterrupted, Unavailable
from shared.domain.lease import LEASE
from shared.domain.progress import Stage, SyncStatus
from shared.domain.transaction import History
from shared.usecases.sync import write_changes
from shared.usecases.sync.run_sync import Outcome
from tests.fakes import account, problem, row
from tests.usecases.conftest import World


def again(world: World) -> None:
    """Run the scheduler half a day later."""
    world.clock.move(timedelta(hours=13))
    world.tick()
    world.settle()


@pytest.fixture
def streaming(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every change set above two rows too large for one commit."""
    monkeypatch.setattr(write_changes, "MAX_ATOMIC_ROWS", 2)
    monkeypatch.setattr(write_changes, "STREAM_ROWS", 2)


def test_a_first_sync_writes_every_row_and_completes(world: World) -> None:
    world.connected("1", *(row(f"t{n}") for n in range(7)))
    assert world.sync() is Outcome.DONE
    assert world.equals_truth()
    state = world.state()
    assert (state.status, state.added, state.pages, state.percent) == (SyncStatus.COMPLETED, 7, 4, 100)
    assert state.history_complete
    assert world.store.connections["1"].last_sync is not None


def test_small_change_set_is_committed_together_with_its_cursor(world: World) -> None:
    world.connected("1", *(row(f"t{n}") for n in range(7)))
    world.sync()
    with_rows = [(s.status, s.cursor) for s, w in world.store.commits if w.upserts or w.removals]
    assert with_rows == [(SyncStatus.COMPLETED, world.state().cursor)]


def test_sync_without_changes_calls_plaid_once_and_commits_twice(world: World) -> None:
    world.connected("1", row("t1"))
    world.sync()
    world.store.states["1"] = type(world.store.states["1"])(
        world.state().request(now=world.clock.now()), world.store.states["1"].version
    )
    world.calls.log.clear()
    world.sync()
    assert world.calls.log == ["store.load", "store.save", "store.credentials", "bank.changes", "store.save"]


def test_later_changes_are_synced(world: World) -> None:
    item = world.connected("1", row("t1"), row("t2"), row("t3"))
    world.settle()
    item.modify(row("t1", name="Tea"))
    item.remove("t2")
    item.add(row("t4"))
    again(world)
    assert world.equals_truth()
    assert (world.state().added, world.state().modified, world.state().removed) == (1, 1, 1)


def test_first_sync_before_data_is_ready_does_not_complete(world: World) -> None:
    item = world.connected("1", row("t1"))
    item.ready = History.NOT_READY
    assert world.sync(task="a") is Outcome.RETRY
    assert world.state().stage is Stage.WAITING_FOR_BANK
    assert world.state().status is SyncStatus.IN_PROGRESS
    assert world.sync(task="a") is Outcome.RETRY
    assert world.sync(task="a") is Outcome.DONE
    assert world.state().status is SyncStatus.PENDING
    assert world.state().cursor is None
    item.ready = History.COMPLETE
    world.clock.move(timedelta(minutes=1))
    assert world.tick() == 1
    world.settle()
    assert world.equals_truth()


def test_recent_history_completes_the_run_but_not_the_history(world: World) -> None:
    item = world.connected("1", row("t1"))
    item.ready = History.RECENT
    world.sync()
    assert world.state().status is SyncStatus.COMPLETED
    assert not world.state().history_complete
    item.add(row("t0"))
    item.ready = History.COMPLETE
    assert world.tick() == 1
    world.settle()
    assert world.equals_truth()
    assert world.state().history_complete


@pytest.mark.usefixtures("streaming")
def test_a_large_change_set_is_streamed_with_removals_and_cursor_last(world: World) -> None:
    item = world.connected("1", *(row(f"t{n}") for n in range(9)))
    world.settle()
    item.remove("t0", "t1", "t2")
    item.add(*(row(f"u{n}") for n in range(9)))
    world.store.commits.clear()
    again(world)
    assert world.equals_truth()
    kinds = [
        "rows" if w.upserts else "removals" if w.removals else "cursor" for s, w in world.store.commits if s.run > 1
    ]
    assert kinds.index("removals") > kinds.index("rows")
    cursors = [s.cursor for s, w in world.store.commits if w.upserts or w.removals]
    assert len(set(cursors)) == 1, "the cursor moved before the last commit"


def test_change_set_that_the_store_rejects_as_too_large_is_streamed(world: World) -> None:
    world.store.max_writes = 3
    item = world.connected("1", *(row(f"t{n}") for n in range(20)))
    world.settle()
    assert world.equals_truth()
    item.remove(*(f"t{n}" for n in range(20)))
    again(world)
    assert world.rows() == {}


def test_data_that_changes_while_it_is_paged_is_read_again_from_the_first_cursor(world: World) -> None:
    item = world.connected("1", *(row(f"t{n}") for n in range(6)))
    world.plaid.fail("changes", *([problem(ErrorClass.TRANSIENT, "X", PagingInterrupted)] * 3))
    item.add(row("late"))
    assert world.sync() is Outcome.DONE
    assert world.equals_truth()


def test_data_that_never_stops_changing_ends_the_attempt_not_the_process(world: World) -> None:
    world.connected("1", row("t1"))
    world.plaid.fail("changes", *([problem(ErrorClass.TRANSIENT, "X", PagingInterrupted)] * 6))
    assert world.sync() is Outcome.RETRY
    assert world.state().error is not None
    world.settle()
    assert world.equals_truth()


@pytest.mark.usefixtures("streaming")
def test_streamed_rows_that_plaid_silently_withdrew_are_removed(world: World) -> None:
    item = world.connected("1", *(row(f"t{n}") for n in range(8)))

    def take_back(at: int) -> None:
        if at == 6:
            world.plaid.mutate_at_page = None
            item.remove("t0", "t1")
            item.epoch += 1

    world.plaid.mutate_at_page = take_back
    world.settle()
    assert item.epoch == 1
    assert world.equals_truth()
    assert "t0" not in world.rows()


@pytest.mark.usefixtures("streaming")
def test_suspect_row_that_is_sent_again_as_modified_is_kept(world: World) -> None:
    item = world.connected("1", *(row(f"t{n}") for n in range(8)))

    def change(at: int) -> None:
        if at == 6:
            world.plaid.mutate_at_page = None
            item.modify(row("t0", name="changed"))
            item.epoch += 1

    world.plaid.mutate_at_page = change
    world.settle()
    assert world.equals_truth()
    assert world.rows()["t0"]["name"] == "changed"


def test_rejected_cursor_starts_a_full_read_that_removes_missing_rows(world: World) -> None:
    item = world.connected("1", row("t1"), row("t2"))
    world.settle()
    item.log = [("added", "t2", row("t2")), ("added", "t3", row("t3"))]
    world.plaid.fail("changes", problem(ErrorClass.CONFIGURATION, "INVALID_FIELD", CursorRejected))
    again(world)
    assert world.equals_truth()


def test_repeatedly_rejected_cursor_is_reported_to_operators(world: World) -> None:
    world.connected("1", row("t1"))
    world.plaid.fail("changes", *([problem(ErrorClass.CONFIGURATION, "INVALID_FIELD", CursorRejected)] * 2))
    assert world.sync() is Outcome.DONE
    assert world.state().status is SyncStatus.FAILED
    assert world.store.connections["1"].status is ItemStatus.GOOD


def test_outage_is_retried_by_the_queue_then_the_scheduler_and_sets_no_status(world: World) -> None:
    world.connected("1", row("t1"))
    world.plaid.fail("changes", *([problem(ErrorClass.TRANSIENT, "INSTITUTION_DOWN")] * 3))
    assert [world.sync(task="a") for _ in range(3)] == [Outcome.RETRY, Outcome.RETRY, Outcome.DONE]
    state = world.state()
    assert state.status is SyncStatus.FAILED
    assert state.error is not None
    assert (state.error.code, state.error.retryable, state.error.request_id) == ("INSTITUTION_DOWN", True, "r1")
    assert state.next_retry_at is not None
    assert world.store.connections["1"].status is ItemStatus.GOOD
    assert world.tick() == 0
    world.clock.move(timedelta(minutes=1))
    assert world.tick() == 1
    assert world.state().status is SyncStatus.PENDING
    world.settle()
    assert world.equals_truth()


def test_required_login_is_shown_on_progress_and_connection_until_a_sync_succeeds(world: World) -> None:
    world.connected("1", row("t1"))
    needed = problem(ErrorClass.USER, "ITEM_LOGIN_REQUIRED")
    world.plaid.fail("changes", needed)
    assert world.sync() is Outcome.DONE
    assert world.state().status is SyncStatus.FAILED
    assert world.state().next_retry_at is None
    connection = world.store.connections["1"]
    assert (connection.status, connection.action, connection.error_code) == ("bad", "reconnect", "ITEM_LOGIN_REQUIRED")
    world.clock.move(timedelta(hours=25))
    world.tick()
    world.settle()
    connection = world.store.connections["1"]
    assert (connection.status, connection.action, connection.error_code) == ("good", None, None)


def test_internal_error_is_logged_and_retried_without_a_status_change(world: World) -> None:
    world.connected("1", row("t1"))
    broken = row("t2")
    broken["pending_transaction_id"] = ["unhashable"]  # type: ignore[typeddict-item]
    world.plaid.items["token-1"].add(broken)
    assert world.sync() is Outcome.DONE
    state = world.state()
    assert state.error is not None
    assert (state.status, state.error.type, state.error.retryable) == (SyncStatus.FAILED, "BACKEND", True)
    assert world.store.connections["1"].status is ItemStatus.GOOD
    broken["pending_transaction_id"] = None
    world.clock.move(timedelta(minutes=1))
    world.tick()
    world.settle()
    assert world.equals_truth()


def test_while_the_store_is_down_the_queue_delivers_again(world: World) -> None:
    world.connected("1", row("t1"))

    def down(name: str) -> None:
        if name == "store.credentials":
            raise Unavailable("down", code="store_unavailable")

    world.calls.before = down
    with pytest.raises(Unavailable):
        world.sync()
    world.calls.before = None
    world.clock.move(LEASE)
    world.settle()
    assert world.equals_truth()
    assert world.state().failures == 0


def test_only_one_of_eight_deliveries_of_a_task_runs(world: World) -> None:
    world.connected("1", *(row(f"t{n}") for n in range(4)))
    outcomes: list[Outcome] = []

    def deliver_again(name: str) -> None:
        if name == "bank.changes":
            outcomes.extend(world.sync(task="a") for _ in range(7 - len(outcomes)))

    world.calls.before = deliver_again
    assert world.sync(task="a") is Outcome.DONE
    assert outcomes == [Outcome.RETRY] * 7
    assert world.equals_truth()
    assert {s.lease_owner for s, _ in world.store.commits if s.lease_owner} == {"a#0"}


def test_a_run_that_lost_its_lease_writes_nothing_more(world: World) -> None:
    world.connected("1", *(row(f"t{n}") for n in range(4)))

    def sleep_too_long(name: str) -> None:
        if name == "bank.changes":
            world.calls.before = None
            world.clock.move(LEASE)
            assert world.sync(task="other") is Outcome.DONE

    world.calls.before = sleep_too_long
    assert world.sync(task="slow") is Outcome.DONE
    assert world.equals_truth()
    last, _ = world.store.commits[-1]
    assert (last.status, last.run) == (SyncStatus.COMPLETED, 2)


def test_run_recognizes_its_commit_after_a_lost_answer(world: World) -> None:
    world.connected("1", *(row(f"t{n}") for n in range(4)))
    lost: list[Any] = []
    really_save: Any = world.store._save

    def save(*arguments: Any) -> Any:
        version = really_save(*arguments)
        if len(lost) < 3:
            lost.append(version)
            raise Unavailable("no answer", code="store_unavailable")
        return version

    def claim_first(name: str) -> None:
        if name == "bank.changes":
            world.calls.before = None
            setattr(world.store, "_save", save)  # noqa: B010 (a method, for one test)

    world.calls.before = claim_first
    assert world.sync() is Outcome.DONE
    assert len(lost) == 1
    assert world.state().status is SyncStatus.COMPLETED
    assert world.equals_truth()


def test_requests_during_a_run_start_exactly_one_more(world: World) -> None:
    item = world.connected("1", row("t1"))

    def ask(name: str) -> None:
        if name == "bank.changes" and world.state().requested < 5:
            loaded = world.store.states["1"]
            item.add(row(f"during{loaded.state.requested}"))
            world.store.save(loaded.state.request(now=world.clock.now()), expected=loaded.version)
            ask(name)

    world.calls.before = ask
    world.sync()
    world.calls.before = None
    assert len(world.queue.tasks) == 1
    world.settle()
    assert world.state().run == 2
    assert world.equals_truth()


def test_note_on_a_pending_row_moves_to_the_posted_row(world: World) -> None:
    item = world.connected("1", row("p1", pending=True), row("p2", pending=True))
    world.settle()
    world.store.write_note("1", "p1", "lunch with Bob")
    item.remove("p1", "p2")
    item.add(row("t1", pending_transaction_id="p1"), row("t2", pending_transaction_id="p2"))
    again(world)
    assert world.equals_truth()
    assert world.store.rows["1"]["t1"]["user"] == {"note": "lunch with Bob"}
    assert "user" not in world.store.rows["1"]["t2"]


def test_note_written_at_the_moment_of_the_change_is_kept(world: World) -> None:
    item = world.connected("1", row("p1", pending=True))
    world.settle()
    item.remove("p1")
    item.add(row("t1", pending_transaction_id="p1"))
    world.clock.move(timedelta(hours=13))
    world.tick()

    def write(name: str) -> None:
        if name == "store.save" and world.calls.log[-3:] == ["bank.accounts", "store.owned_by", "store.save"]:
            world.calls.before = None
            world.store.write_note("1", "p1", "just now")

    world.calls.before = write
    world.settle()
    assert world.store.rows["1"]["t1"]["user"] == {"note": "just now"}
    assert "p1" not in world.store.rows["1"]


def test_a_note_survives_every_change_of_its_row(world: World) -> None:
    item = world.connected("1", row("t1"))
    world.settle()
    world.store.write_note("1", "t1", "mine")
    item.modify(row("t1", amount="99.00"))
    again(world)
    assert world.store.rows["1"]["t1"]["user"] == {"note": "mine"}
    assert world.rows()["t1"]["amount"] == "99.00"


def test_note_on_a_removed_row_is_sent_to_the_user(world: World) -> None:
    item = world.connected("1", row("p1", pending=True, name="Hotel hold"), row("p2", pending=True))
    world.settle()
    world.store.write_note("1", "p1", "claim back")
    item.remove("p1", "p2")
    again(world)
    assert world.rows() == {}
    (notification,) = [one for one in world.store.notifications.values() if one.kind == "note_kept"]
    assert "Hotel hold" in notification.body
    assert "claim back" in notification.body


@pytest.mark.usefixtures("streaming")
def test_unchanged_streamed_rows_sent_as_modified_are_not_written(world: World) -> None:
    item = world.connected("1", *(row(f"t{n}") for n in range(9)))
    world.settle()
    item.modify(*(row(f"t{n}") for n in range(9)))
    world.store.commits.clear()
    again(world)
    assert [w.upserts for _, w in world.store.commits if w.upserts] == []
    assert world.store.reads == 9


@pytest.mark.usefixtures("streaming")
def test_rows_streamed_by_an_interrupted_run_are_not_treated_as_new(world: World) -> None:
    item = world.connected("1", *(row(f"t{n}") for n in range(8)))

    def change(at: int) -> None:
        if at == 6:
            world.plaid.mutate_at_page = None
            item.epoch += 1

    world.plaid.mutate_at_page = change
    world.settle()
    wrote = [(s.run, w) for s, w in world.store.commits if w.upserts]
    taken_for_new = {run: w.new == {r["transaction_id"] for r in w.upserts} for run, w in wrote}
    assert taken_for_new == {1: True, 2: False}
    assert world.equals_truth()


def test_modified_rows_that_did_not_change_are_read_once_and_not_written(world: World) -> None:
    item = world.connected("1", *(row(f"t{n}") for n in range(5)))
    world.settle()
    assert world.store.reads == 0, "no row is read when none is modified"
    item.modify(*(row(f"t{n}") for n in range(4)), row("t4", name="changed"))
    world.store.commits.clear()
    again(world)
    assert [r["transaction_id"] for _, w in world.store.commits for r in w.upserts] == ["t4"]
    assert world.store.reads == 5
    assert world.equals_truth()


@pytest.mark.usefixtures("streaming")
def test_run_at_its_time_limit_hands_over_and_reads_nothing_twice(world: World) -> None:
    item = world.connected("1", *(row(f"p{n}", pending=True) for n in range(6)))
    world.settle()
    for n in range(6):
        world.store.write_note("1", f"p{n}", f"note {n}")
    item.remove(*(f"p{n}" for n in range(6)))
    item.add(*(row(f"t{n}", pending_transaction_id=f"p{n}") for n in range(12)))
    world.plaid.on_page = lambda: world.clock.move(timedelta(minutes=3))
    world.calls.log.clear()
    again(world)
    pages = 9
    assert world.calls.log.count("bank.changes") == pages
    handed_over = [s for s, w in world.store.commits if w.handover is not None]
    assert len(handed_over) >= 2
    assert {s.run for s in handed_over} == {2}, "a continuation is the same run"
    assert [s.percent for s in handed_over] == sorted(s.percent or 0 for s in handed_over)
    assert world.equals_truth()
    assert (world.state().added, world.state().removed, world.state().handover) == (12, 6, None)
    notes = {i: r["user"]["note"] for i, r in world.store.rows["1"].items() if "user" in r}
    assert notes == {f"t{n}": f"note {n}" for n in range(6)}
    assert world.store.handovers == {}


@pytest.mark.usefixtures("streaming")
def test_scheduler_resumes_a_lost_continuation(world: World) -> None:
    world.connected("1", *(row(f"t{n}") for n in range(12)))
    world.plaid.on_page = lambda: world.clock.move(timedelta(minutes=4))
    assert world.sync() is Outcome.DONE
    assert world.state().status is SyncStatus.IN_PROGRESS
    assert world.state().handover is not None
    world.queue.tasks.clear()
    world.clock.move(timedelta(minutes=2))
    assert world.tick() == 1
    world.settle()
    assert world.equals_truth()
    assert world.state().run == 1


@pytest.mark.usefixtures("streaming")
def test_changes_between_a_run_and_its_continuation_leave_no_stale_rows(world: World) -> None:
    item = world.connected("1", *(row(f"t{n}") for n in range(12)))
    world.plaid.on_page = lambda: world.clock.move(timedelta(minutes=4))
    world.sync()
    item.remove("t0", "t1")
    item.epoch += 1
    world.settle()
    assert world.equals_truth()


def test_failed_page_is_requested_again_without_earlier_pages(world: World) -> None:
    world.connected("1", *(row(f"t{n}") for n in range(8)))

    def hiccup(at: int) -> None:
        if at == 4:
            world.plaid.mutate_at_page = None
            limit = problem(ErrorClass.TRANSIENT, "TRANSACTIONS_SYNC_LIMIT", retry_after_seconds=60)
            world.plaid.fail("changes", limit, problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR"))

    world.plaid.mutate_at_page = hiccup
    assert world.sync() is Outcome.DONE
    assert world.state().run == 1
    assert world.state().status is SyncStatus.COMPLETED
    assert world.equals_truth()


def test_calls_stay_within_plaids_limit_per_item(world: World) -> None:
    world.connected("1", *(row(f"t{n}") for n in range(250)))
    times: list[datetime] = []
    world.plaid.on_page = lambda: times.append(world.clock.at)
    world.sync()
    assert len(times) == 125
    assert world.equals_truth()
    for n, at in enumerate(times):
        assert sum(timedelta() <= later - at < timedelta(minutes=1) for later in times[n:]) <= 50


def test_manual_sync_refreshes_first(world: World) -> None:
    item = world.connected("1", row("t1"))
    world.settle()
    world.plaid.on_refresh = lambda: item.add(row("fresh"))
    _by_hand(world)
    assert "fresh" in world.rows()
    again(world)
    assert world.calls.log.count("bank.refresh") == 1, "only then"


def test_manual_sync_reads_plaids_data_when_the_refresh_fails(world: World) -> None:
    item = world.connected("1", row("t1"))
    world.settle()
    item.add(row("t2"))
    world.plaid.fail("refresh", problem(ErrorClass.CONFIGURATION, "PRODUCTS_NOT_SUPPORTED"))
    _by_hand(world)
    assert world.equals_truth()


def _by_hand(world: World) -> None:
    loaded = world.store.states["1"]
    asked = loaded.state.request(now=world.clock.now(), refresh=True)
    world.store.save(asked, expected=loaded.version)
    world.queue.enqueue("1", name="by-hand")
    world.settle()


def test_unknown_access_token_is_first_treated_as_a_configuration_error(world: World) -> None:
    world.connected("1", row("t1"))
    unknown = problem(ErrorClass.TERMINAL, "INVALID_ACCESS_TOKEN")
    world.plaid.fail("changes", *([unknown] * 20))
    for _ in range(6):
        assert world.sync() is Outcome.DONE
        assert world.store.connections["1"].status is ItemStatus.GOOD
        world.clock.move(timedelta(hours=7))
        assert world.tick() == 1
    world.sync()
    assert world.store.connections["1"].status is ItemStatus.ERROR
    assert world.store.connections["1"].action is Action.RELINK


def test_a_reconciliation_proves_or_repairs_the_store(world: World) -> None:
    world.connected("1", *(row(f"t{n}") for n in range(6)))
    world.settle()
    world.store.rows["1"].pop("t0")
    world.store.put_row("1", "t1", {**row("t1"), "amount": "0.00", "user": {"note": "mine"}})
    world.store.put_row("1", "surplus", dict(row("surplus")))
    world.store.commits.clear()
    world.sync_requests.reconcile("1")
    world.settle()
    assert world.equals_truth()
    assert world.store.rows["1"]["t1"]["user"] == {"note": "mine"}
    assert {r["transaction_id"] for _, w in world.store.commits for r in w.upserts} == {"t0", "t1"}
    assert not world.state().rebuilding


def test_account_missing_at_plaid_is_removed(world: World) -> None:
    item = world.connected("1", row("t1"))
    item.accounts = [account(), account("savings")]
    world.settle()
    item.accounts = [account("checking", name="Renamed")]
    again(world)
    assert {i: a["name"] for i, a in world.store.account_rows["1"].items()} == {"checking": "Renamed"}


def test_accounts_are_written_when_anything_changed_and_only_then(world: World) -> None:
    item = world.connected("1", row("t1"))
    world.settle()
    assert set(world.store.account_rows["1"]) == {"checking"}
    item.accounts = [account(), account("savings")]
    again(world)
    assert set(world.store.account_rows["1"]) == {"checking", "savings"}
    assert world.store.connections["1"].account_ids == ("checking", "savings")


def test_task_for_a_removed_connection_is_acknowledged(world: World) -> None:
    assert world.sync("unknown") is Outcome.DONE
