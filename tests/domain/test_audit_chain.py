"""Damage that is detected in a manipulated audit log of 500 entries."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from shared.domain.audit import Actor, AuditAction, AuditEntry, AuditHead, ChainedEntry
from shared.domain.audit_chain import Checkpoint, Damage, damages

START = datetime(2026, 1, 1, tzinfo=UTC)
RETENTION = timedelta(days=400)
ENTRIES, EVERY = 500, 100


def log() -> dict[int, ChainedEntry]:
    return dict(_log())


@cache
def _log() -> dict[int, ChainedEntry]:
    head, entries = AuditHead(), {}
    for number in range(ENTRIES):
        entry = AuditEntry(
            app_user_id="u",
            connection_id="c",
            action=AuditAction.STATUS_CHANGED,
            actor=Actor.PROVIDER,
            details={"number": str(number)},
            at=START + timedelta(days=number),
        )
        chained = ChainedEntry.after(head, entry, function="f")
        entries[chained.seq], head = chained, chained.head()
    return entries


def checkpoints(entries: dict[int, ChainedEntry]) -> list[Checkpoint]:
    return [
        Checkpoint(app_user_id="u", seq=e.seq, hash=e.hash, at=e.at, key_id="k", signature="ours")
        for e in entries.values()
        if e.seq % EVERY == 0
    ]


def check(
    entries: Mapping[int, ChainedEntry | None], *, signed: list[Checkpoint] | None = None, **more: Any
) -> list[Damage]:
    whole = log()
    return damages(
        entries,
        checkpoints=checkpoints(whole) if signed is None else signed,
        head=more.get("head", whole[ENTRIES].head()),
        is_signed=lambda c: c.signature == "ours",
        now=more.get("now", START + timedelta(days=ENTRIES)),
        retention=RETENTION,
    )


def test_unchanged_log_is_complete() -> None:
    assert check(log()) == []
    assert check({}, signed=[], head=AuditHead()) == []


@pytest.mark.parametrize("seq", [101, 250, 499, 500])
def test_changed_entry_is_reported(seq: int) -> None:
    entries = log()
    entries[seq] = entries[seq].model_copy(update={"details": {"number": "x"}})
    assert check(entries) == [Damage(seq, "was changed")]


def test_an_entry_that_was_changed_with_its_hash_no_longer_fits_the_next() -> None:
    entries = log()
    forged = entries[250].model_copy(update={"details": {"number": "x"}})
    entries[250] = forged.model_copy(update={"hash": forged.digest()})
    assert check(entries) == [Damage(251, "does not follow the entry before it")]


@pytest.mark.parametrize("seq", [101, 250, 499, 500])
def test_removed_entry_is_reported(seq: int) -> None:
    entries = log()
    del entries[seq]
    assert check(entries) == [Damage(seq, "is missing")]


def test_swapped_entries_are_reported() -> None:
    entries = log()
    entries[200], entries[201] = entries[201], entries[200]
    named = {damage.seq for damage in check(entries) if "was moved" in damage.what}
    assert named == {200, 201}


def test_rewritten_history_does_not_match_the_checkpoints() -> None:
    entries, head = {}, AuditHead()
    for old in log().values():
        new = ChainedEntry.after(head, AuditEntry(**old.model_dump(include=set(AuditEntry.model_fields))), function="x")
        entries[new.seq], head = new, new.head()
    found = check(entries, head=head)
    assert Damage(200, "differs from its signed checkpoint") in found


def test_checkpoint_with_a_foreign_signature_is_reported() -> None:
    signed = checkpoints(log())
    signed[2] = signed[2].model_copy(update={"signature": "theirs"})
    assert check(log(), signed=signed) == [Damage(300, "has a checkpoint with an invalid signature")]


def test_a_tail_cut_off_with_the_head_is_found_by_the_checkpoint_behind_it() -> None:
    entries = {seq: entry for seq, entry in log().items() if seq <= 450}
    assert {d.seq for d in check(entries, head=entries[450].head())} == set(range(451, 501))


def test_expired_prefix_may_be_dropped_in_any_order() -> None:
    entries = {seq: entry for seq, entry in log().items() if seq > 100 or seq % 7 == 0}
    assert check(entries) == []


def test_missing_prefix_that_is_not_old_enough_is_reported() -> None:
    entries = {seq: entry for seq, entry in log().items() if seq > 200}
    assert {damage.seq for damage in check(entries)} == set(range(101, 201))
    entries = {seq: entry for seq, entry in log().items() if seq > 1}
    assert check(entries, signed=[]) == [Damage(1, "is missing")]


def damaged(seq: int, field: str) -> dict[int, ChainedEntry]:
    """The log with one byte of one field of one entry changed, as it would be read from the store."""
    entries = log()
    stored = entries[seq].model_dump(mode="json")
    text = str(stored[field])
    at = len(text) // 2 if field != "at" else 3  # a digit, so that the document stays readable
    stored[field] = text[:at] + ("1" if text[at] != "1" else "2") + text[at + 1 :]
    if field == "details":
        stored[field] = {"number": f"{seq}0"}
    entries[seq] = ChainedEntry.model_validate(stored | {"seq": int(stored["seq"])})
    return entries


@pytest.mark.parametrize(
    "field",
    ["app_user_id", "connection_id", "details", "at", "function", "previous", "hash", "seq", "request_id", "app"],
)
def test_every_changed_byte_in_any_entry_is_reported(field: str) -> None:
    for seq in random.Random(field).sample(range(101, ENTRIES + 1), 25):
        found = check(damaged(seq, field))
        assert seq in {damage.seq for damage in found}, (field, seq)
        assert {damage.seq for damage in found} <= {seq, seq + 1}, (field, seq, found)


def test_unreadable_entry_is_reported_and_hides_no_other_damage() -> None:
    entries: dict[int, ChainedEntry | None] = {**damaged(300, "details"), 250: None}
    assert check(entries) == [Damage(250, "cannot be read"), Damage(300, "was changed")]


def test_entries_after_the_end_of_the_chain_are_reported() -> None:
    found = check(log(), signed=[], head=AuditHead(), now=START)
    assert [damage.what for damage in found] == ["is beyond the end of the chain"] * ENTRIES


def test_any_removed_or_swapped_entries_are_reported() -> None:
    rng = random.Random(500)
    for _ in range(25):
        one, other = rng.sample(range(101, ENTRIES + 1), 2)
        entries = log()
        del entries[one]
        assert check(entries) == [Damage(one, "is missing")]
        entries = log()
        entries[one], entries[other] = entries[other], entries[one]
        named = {damage.seq for damage in check(entries) if "was moved" in damage.what}
        assert named == {one, other}
