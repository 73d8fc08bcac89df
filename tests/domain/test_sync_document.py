"""The stored form of a sync, independent of the names in the code."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.domain.progress import RunRecord, Stage, SyncCounts, SyncProgress, SyncStatus
from shared.domain.sync_state import SyncState

NOW = datetime(2026, 3, 1, tzinfo=UTC)

PROGRESS: dict[str, Any] = {
    "connection_id": "c",
    "app_user_id": "u",
    "kind": "transactions",
    "status": "failed",
    "stage": "failed",
    "attempt": 3,
    "added": 10,
    "modified": 11,
    "removed": 12,
    "pages": 13,
    "percent": 60,
    "history_complete": True,
    "started_at": NOW,
    "updated_at": NOW,
    "completed_at": NOW,
    "next_retry_at": NOW,
    "refreshed_at": NOW,
    "error": {
        "type": "ITEM_ERROR",
        "code": "ITEM_LOGIN_REQUIRED",
        "message": "log in",
        "retryable": False,
        "action": "reconnect",
        "request_id": "r",
    },
}
# A document as written before the fields got their present names.
STORED: dict[str, Any] = PROGRESS | {
    "run": 7,
    "lease_owner": "task#1",
    "lease_expires_at": NOW,
    "requested": 5,
    "serving": 4,
    "served": 3,
    "failures": 2,
    "tries": 1,
    "cursor": "cursor",
    "streaming": True,
    "dirty_runs": [5, 6],
    "handover": "page",
    "restarts": 1,
    "rebuilding": True,
    "marking": True,
    "refresh": 4,
    "refresh_tried_at": NOW,
    "writer": "task#0",
    "beat": 99,
    "troubled": True,
    "heals": True,
    "stopped": True,
    "revoked_accounts": ["r"],
    "former_accounts": ["f"],
    "set_aside": 8,
    "moves_history": True,
    "looks": 21,
    "welcomed": True,
    "unwelcomed": 6,
    "asked_at": NOW,
    "wanted_since": NOW,
    "source": "ins_1",
    "trace": "trace-1",
    "next_trace": "trace-2",
    "account_ids": ["a", "b"],
    "accounts_digest": "digest",
    "balances_day": "2026-03-01",
    "derived_accounts": ["a"],
    "products": ["holdings"],
    "products_for": "key",
    "due_at": NOW,
    "deferred_from": NOW,
    "released_until": NOW,
    "bank_at": NOW,
    "bank_known_at": NOW,
    "bank_failed": True,
    "bank_source": "live",
}


def as_stored(value: object) -> object:
    """A document as Firestore returns it, which has lists but no tuples."""
    return list(value) if isinstance(value, tuple) else value


def test_a_new_state_has_exactly_the_stored_names() -> None:
    assert SyncState.new(connection_id="c", app_user_id="u", now=NOW).model_dump().keys() == STORED.keys()


def test_an_old_document_is_read_and_written_back_unchanged() -> None:
    written = SyncState.model_validate(STORED).model_dump()
    assert {name: as_stored(value) for name, value in written.items()} == STORED


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("heartbeat_seq", "beat"),
        ("external_revision", "looks"),
        ("needs_user", "troubled"),
        ("clears_error_on_success", "heals"),
        ("is_set_up", "welcomed"),
        ("set_up_attempts", "unwelcomed"),
        ("last_manual_sync_at", "asked_at"),
    ],
)
def test_a_renamed_field_is_read_from_its_stored_name(name: str, stored: str) -> None:
    assert getattr(SyncState.model_validate(STORED), name) == STORED[stored]


def test_a_document_of_the_first_version_is_completed_with_defaults() -> None:
    least = {"connection_id": "c", "app_user_id": "u", "updated_at": NOW}
    state = SyncState.model_validate(least)
    assert (state.status, state.requested, state.run, state.is_set_up) == (SyncStatus.PENDING, 1, 0, False)


def test_clients_see_the_progress_and_nothing_else() -> None:
    seen = SyncState.model_validate(STORED).progress()
    assert type(seen) is SyncProgress
    assert seen.model_dump() == PROGRESS


def test_an_operator_sees_the_run_and_its_trace_as_well() -> None:
    kept = SyncState.model_validate(STORED).record()
    assert type(kept) is RunRecord
    assert kept.model_dump() == PROGRESS | {"run": 7, "source": "ins_1", "trace": "trace-1"}


def test_each_field_belongs_to_one_group_only() -> None:
    declared = [name for base in SyncState.__mro__ for name in vars(base).get("__annotations__", ())]
    fields = [name for name in declared if name in SyncState.model_fields]
    assert sorted(fields) == sorted(SyncState.model_fields)


def test_unknown_counts_keep_the_stored_ones() -> None:
    state = SyncState.new(connection_id="c", app_user_id="u", now=NOW).claim(now=NOW, owner="me")
    counted = state.advance(now=NOW, stage=Stage.WRITING, counts=SyncCounts(added=3, percent=40, set_aside=2))
    later = counted.advance(now=NOW, stage=Stage.WRITING, counts=SyncCounts.of(counted))
    assert (later.added, later.percent, later.set_aside) == (3, 40, 2)


def test_the_estimate_grows_with_each_page_and_leaves_room_for_the_end() -> None:
    counts = SyncCounts()
    estimates = []
    for _ in range(100):
        counts = counts.with_page(added=1, modified=2, removed=3)
        estimates.append(counts.percent or 0)
    assert (counts.added, counts.modified, counts.removed, counts.pages) == (100, 200, 300, 100)
    assert estimates == sorted(estimates)
    assert (estimates[0], estimates[-1]) == (14, 95)
