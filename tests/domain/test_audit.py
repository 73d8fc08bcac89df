"""The hash chain of the audit log."""

from __future__ import annotations

from datetime import UTC, datetime

from shared.domain.audit import GENESIS, Actor, AuditAction, AuditEntry, AuditHead, ChainedEntry

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def chain(length: int) -> list[ChainedEntry]:
    head, entries = AuditHead(), []
    for number in range(length):
        entry = AuditEntry(
            app_user_id="u",
            connection_id=f"c{number}",
            action=AuditAction.STATUS_CHANGED,
            actor=Actor.PROVIDER,
            details={"from": "good", "to": "bad"},
            at=NOW,
        )
        entries.append(ChainedEntry.after(head, entry, function="handlewebhook"))
        head = entries[-1].head()
    return entries


def test_each_entry_names_the_hash_of_the_one_before() -> None:
    first, second, third = chain(3)
    assert (first.seq, first.previous) == (1, GENESIS)
    assert (second.seq, second.previous) == (2, first.hash)
    assert third.previous == second.hash


def test_any_change_of_an_entry_changes_its_hash() -> None:
    (entry,) = chain(1)
    assert entry.digest() == entry.hash
    for change in ({"details": {"from": "good", "to": "good"}}, {"connection_id": "x"}, {"seq": 2}, {"function": "x"}):
        assert entry.model_copy(update=change).digest() != entry.hash


def test_hash_survives_storage_in_a_document() -> None:
    (entry,) = chain(1)
    assert ChainedEntry.model_validate(entry.model_dump()).digest() == entry.hash
