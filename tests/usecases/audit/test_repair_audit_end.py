"""An operator repairs an audit log whose stored end is before its last entry."""

from __future__ import annotations

import pytest

from shared.domain.audit import AuditHead
from shared.domain.errors import Conflict, Unavailable
from shared.ports import Version
from shared.usecases.audit.repair_audit_end import RepairAuditEnd
from tests.fakes import FakeStore, row
from tests.usecases.conftest import ALICE, World


@pytest.fixture
def damaged(world: World) -> World:
    world.connected("1", row("t1"))
    world.settle()
    world.remove("1")
    world.clean_up()
    first = world.store.audit[ALICE][0]
    world.store.audit_ends[ALICE] = AuditHead(seq=first.seq, hash=first.hash)
    return world


def refuse(world: World, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another entry is written between the read of the log and the repair."""
    left, move_end = [Conflict()] * times, FakeStore.move_end

    def contended(store: FakeStore, app_user_id: str, head: AuditHead, *, expected: Version | None) -> None:
        if left:
            raise left.pop()
        move_end(store, app_user_id, head, expected=expected)

    monkeypatch.setattr(FakeStore, "move_end", contended)


def test_a_repair_is_repeated_while_entries_are_written(damaged: World, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(damaged, 3, monkeypatch)
    entries = len(damaged.store.audit[ALICE])
    assert RepairAuditEnd(audit=damaged.store)(ALICE) == entries
    assert damaged.store.head(ALICE)[0].seq == entries


def test_a_log_that_keeps_growing_is_reported_as_busy(damaged: World, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(damaged, 100, monkeypatch)
    with pytest.raises(Unavailable) as error:
        RepairAuditEnd(audit=damaged.store)(ALICE)
    assert error.value.code == "store_busy"
