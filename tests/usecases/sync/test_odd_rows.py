"""Rows that cannot be stored are recorded for operators, and do not block other rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.domain import set_aside
from shared.domain.removal import RemovalReason
from shared.domain.set_aside import key_of
from shared.domain.storable import is_document_id
from shared.usecases.sync import write_changes
from shared.usecases.sync.run_sync import Outcome
from tests.fakes import FakeItem, account, row
from tests.usecases.conftest import World
from tests.usecases.items.test_status_by_webhook import tell, work
from tests.usecases.removal.removal_ground import revoked_error


@pytest.fixture
def item(world: World) -> FakeItem:
    return world.connected("1")


def sync(world: World) -> None:
    world.sync_requests.by_event("1")
    world.settle()


def reconcile(world: World) -> None:
    world.sync_requests.reconcile("1")
    world.settle()


def keys(world: World) -> list[str]:
    return [one.key for one in world.store.set_aside("1")]


def events(caplog: pytest.LogCaptureFixture, name: str) -> list[dict[str, Any]]:
    said = [record for record in caplog.records if record.getMessage() == name]
    return [vars(record)["fields"] | {"severity": record.levelname} for record in said]


@pytest.mark.parametrize("atomic", [800, 3])
def test_unusable_row_does_not_block_its_page(
    world: World, item: FakeItem, atomic: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_changes, "MAX_ATOMIC_ROWS", atomic)
    world.plaid.page_rows = 500
    item.add(*(row(f"t{n}") for n in range(499)))
    item.spoil("odd")
    world.settle()
    assert len(world.rows()) == 499
    assert keys(world) == [key_of("odd")]
    assert world.state().set_aside == 1
    assert world.state().status == "completed"
    assert world.equals_truth()


def test_record_of_a_row_is_deleted_when_it_becomes_usable_or_is_removed(world: World, item: FakeItem) -> None:
    item.spoil("t1", "t2", "a/b", "c/d")
    world.settle()
    assert len(keys(world)) == 4
    item.modify(row("t1"))
    item.remove("t2", "c/d")
    sync(world)
    assert (keys(world), set(world.rows())) == ([key_of("a/b")], {"t1"})
    item.remove("a/b")
    sync(world)
    assert (keys(world), world.state().set_aside) == ([], 0)
    assert world.equals_truth()


def test_a_row_that_becomes_unusable_keeps_its_last_usable_version_and_its_note(world: World, item: FakeItem) -> None:
    item.add(row("t1"), row("t2"))
    world.settle()
    world.store.write_note("1", "t1", "mine")
    item.spoil("t1")
    sync(world)
    assert world.store.rows["1"]["t1"]["user"] == {"note": "mine"}
    reconcile(world)
    assert world.store.rows["1"]["t1"]["user"] == {"note": "mine"}
    item.remove("t1")
    sync(world)
    assert set(world.rows()) == {"t2"}
    assert keys(world) == []


def test_last_version_of_a_row_within_one_sync_counts(world: World, item: FakeItem) -> None:
    world.plaid.page_rows = 1
    item.spoil("t1")
    item.add(row("t2"), row("t3"))

    def change(at: int) -> None:
        if at == 1 and "t1" not in item.truth():
            item.modify(row("t1"))
            item.epoch += 1

    world.plaid.mutate_at_page = change
    world.settle()
    assert world.equals_truth()
    assert keys(world) == []


def test_full_read_deletes_records_of_rows_that_plaid_no_longer_holds(world: World, item: FakeItem) -> None:
    item.add(row("t1"))
    item.spoil("gone", "stays")
    world.settle()
    item.log = [change for change in item.log if change[1] != "gone"]
    reconcile(world)
    assert keys(world) == [key_of("stays")]
    assert world.equals_truth()


def test_handover_keeps_the_records_of_unusable_rows(
    world: World, item: FakeItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    item.add(*(row(f"t{n}") for n in range(4)))
    item.spoil("odd")
    item.add(*(row(f"u{n}") for n in range(4)))
    world.settle()
    world.plaid.on_page = lambda: world.clock.move(timedelta(minutes=4))
    reconcile(world)
    assert world.equals_truth()
    assert keys(world) == [key_of("odd")]


def test_each_row_is_reported_once_and_never_as_an_error(
    world: World, item: FakeItem, caplog: pytest.LogCaptureFixture
) -> None:
    item.spoil("t1", "t2")
    item.spoil("a/b", unusable="transaction_id")
    world.settle()
    item.spoil("t1", "t4")
    sync(world)
    reconcile(world)
    reported = events(caplog, "sync.rows_set_aside")
    assert [(line["rows"], line["fields"]) for line in reported] == [
        (3, ["amount", "transaction_id"]),
        (1, ["amount"]),
    ]
    assert {line["severity"] for line in reported} == {"WARNING"}


def test_number_of_recorded_rows_is_bounded(
    world: World, item: FakeItem, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("shared.usecases.sync.set_aside_rows.MAX_KEPT", 5)
    item.spoil(*(f"t{n}" for n in range(12)))
    world.settle()
    assert (len(keys(world)), world.state().set_aside) == (5, 5)
    (line,) = events(caplog, "sync.rows_set_aside")
    assert (line["rows"], line["kept"]) == (12, 5)
    assert set_aside.MAX_KEPT == 500


def test_recorded_rows_are_removed_and_restored_with_their_account(world: World, item: FakeItem) -> None:
    item.accounts.append(account("savings"))
    item.spoil("t1")
    item.spoil("s1", account_id="savings")
    world.settle()
    tell(world, "USER_ACCOUNT_REVOKED", account_id="savings")
    assert keys(world) == [key_of("t1")]
    item.spoil("s2", account_id="savings")
    sync(world)
    assert keys(world) == [key_of("t1")]
    world.check.by_user(world.store.connections["1"])
    world.settle()
    assert world.equals_truth()
    assert len(keys(world)) == 3


@pytest.mark.parametrize("how", ["removed", "erased", "revoked"])
def test_recorded_rows_are_removed_with_their_connection(world: World, item: FakeItem, how: str) -> None:
    item.spoil("t1", "t2")
    world.settle()
    if how == "removed":
        world.remove()
    elif how == "erased":
        world.eraser.begin("alice", reason=RemovalReason.ERASURE)
    else:
        world.plaid.fail("changes", revoked_error())
        world.sync_requests.by_event("1")
        assert world.sync() is Outcome.DONE
    world.clean_up()
    assert keys(world) == []
    assert "rows set aside" not in world.left_of()


def test_connection_without_unusable_rows_costs_no_extra_read(
    world: World, item: FakeItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    item.add(row("t1"))
    monkeypatch.setattr(world.store, "set_aside", lambda _: pytest.fail("asked for rows that are set aside"))
    world.settle()
    sync(world)
    assert set(world.rows()) == {"t1"}


def test_a_webhook_with_odd_values_is_kept_and_handled(world: World, item: FakeItem) -> None:
    item.accounts.append(account("savings"))
    item.add(row("t1"), row("s1", account_id="savings"))
    world.settle()
    odd: Any = {"half": "\ud83d", "huge": 10**400, "nan": float("nan"), "__x__": 1, "": 2, "lists": [[1]]}
    tell(world, "USER_ACCOUNT_REVOKED", account_id="savings", error=odd)
    assert set(world.rows()) == {"t1"}
    for account_id in ("a/b", "..", "__x__", "\ud83d", 5):
        tell(world, "USER_ACCOUNT_REVOKED", account_id=account_id)
    tell(world, "PENDING_EXPIRATION", consent_expiration_time="0001-01-01T00:00:00+01:00")
    work(world)
    assert set(world.rows()) == {"t1"}
    assert world.store.connections["1"].consent_expiration_time is None


def test_notification_of_the_longest_note_fits_a_document(world: World, item: FakeItem) -> None:
    longest = "é" * 750
    item.add(row(longest, name="n" * 800_000), row("t1"))
    world.settle()
    world.store.write_note("1", longest, "mine")
    item.remove(longest)
    sync(world)
    (notification,) = [one for one in world.store.notifications.values() if one.kind == "note_kept"]
    assert is_document_id(notification.notification_id)
    assert "mine" in notification.body
    assert len(notification.body) < 1_000


def test_longest_ids_fit_into_the_handover(world: World, item: FakeItem) -> None:
    names = [f"{n:03}{'x' * 1_497}" for n in range(300)]
    item.add(*(row(name) for name in names), row("t1"))
    world.plaid.page_rows = 150
    world.settle()
    item.remove(*names)
    item.add(*(row(f"u{n}") for n in range(300)))
    world.plaid.on_page = lambda: world.clock.move(timedelta(minutes=4))
    sync(world)
    left = [writes.handover for _, writes in world.store.commits if writes.handover is not None]
    assert left
    assert all(sum(map(len, one.removed)) < 500_000 for one in left)
    assert world.equals_truth()


def test_a_row_that_only_the_store_refuses_is_set_aside_alone(world: World, item: FakeItem) -> None:
    item.add(*(row(f"t{n}") for n in range(40)), row("odd", name="refused"))
    world.store.refuses.add("refused")
    world.settle()
    assert set(world.rows()) == {f"t{n}" for n in range(40)}
    assert [(one.transaction_id, one.field) for one in world.store.set_aside("1")] == [("odd", "row")]
    assert world.state().status == "completed"
    item.modify(row("odd"))
    sync(world)
    assert len(world.rows()) == 41
    assert keys(world) == []


def test_the_note_of_a_pending_row_whose_posted_one_the_store_refuses_is_not_lost(world: World, item: FakeItem) -> None:
    item.add(row("p", pending=True))
    world.settle()
    world.store.write_note("1", "p", "mine")
    item.add(row("odd", name="refused", pending_transaction_id="p"))
    item.remove("p")
    world.store.refuses.add("refused")
    sync(world)
    assert world.rows() == {}
    (notification,) = [one for one in world.store.notifications.values() if one.kind == "note_kept"]
    assert "mine" in notification.body
