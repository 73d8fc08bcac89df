"""What is found in an audit log of 500 entries that somebody tampered with."""

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


def test_a_log_as_it_was_written_is_whole() -> None:
    assert check(log()) == []
    assert check({}, signed=[], head=AuditHead()) == []


@pytest.mark.parametrize("seq", [101, 250, 499, 500])
def test_an_entry_that_was_changed_is_named(seq: int) -> None:
    entries = log()
    entries[seq] = entries[seq].model_copy(update={"details": {"number": "x"}})
    assert check(entries) == [Damage(seq, "was changed")]


def test_an_entry_that_was_changed_with_its_hash_no_longer_fits_the_next() -> None:
    entries = log()
    forged = entries[250].model_copy(update={"details": {"number": "x"}})
    entries[250] = forged.model_copy(update={"hash": forged.digest()})
    assert check(entries) == [Damage(251, "does not follow the entry before it")]


@pytest.mark.parametrize("seq", [101, 250, 499, 500])
def test_an_entry_that_was_removed_is_named(seq: int) -> None:
    entries = log()
    del entries[seq]
    assert check(entries) == [Damage(seq, "is missing")]


def test_two_entries_that_were_swapped_are_named() -> None:
    entries = log()
    entries[200], entries[201] = entries[201], entries[200]
    named = {damage.seq for damage in check(entries) if "was moved" in damage.what}
    assert named == {200, 201}


def test_a_whole_new_past_does_not_fit_what_was_signed() -> None:
    entries, head = {}, AuditHead()
    for old in log().values():
        new = ChainedEntry.after(head, AuditEntry(**old.model_dump(include=set(AuditEntry.model_fields))), function="x")
        entries[new.seq], head = new, new.head()
    found = check(entries, head=head)
    assert Damage(200, "differs from its signed checkpoint") in found


def test_a_checkpoint_that_we_did_not_sign_is_named() -> None:
    signed = checkpoints(log())
    signed[2] = signed[2].model_copy(update={"signature": "theirs"})
    assert check(log(), signed=signed) == [Damage(300, "has a checkpoint with an invalid signature")]


def test_a_tail_cut_off_with_the_head_is_found_by_the_checkpoint_behind_it() -> None:
    entries = {seq: entry for seq, entry in log().items() if seq <= 450}
    assert {d.seq for d in check(entries, head=entries[450].head())} == set(range(451, 501))


def test_an_old_prefix_that_retention_dropped_is_accepted_in_whatever_order_it_goes() -> None:
    entries = {seq: entry for seq, entry in log().items() if seq > 100 or seq % 7 == 0}
    assert check(entries) == []


def test_a_prefix_that_is_not_old_enough_is_not() -> None:
    entries = {seq: entry for seq, entry in log().items() if seq > 200}
    assert {damage.seq for damage in check(entries)} == set(range(101, 201))
    entries = {seq: entry for seq, entry in log().items() if seq > 1}
    assert check(entries, signed=[]) == [Damage(1, "is missing")]


def damaged(seq: int, field: str) -> dict[int, ChainedEntry]:
    """The log with one byte of one field of one entry changed, as it would come out of the store."""
    entries = log()
    stored = entries[seq].model_dump(mode="json")
    text = str(stored[field])
    at = len(text) // 2 if field != "at" else 3  # a digit, so that it can be read at all
    stored[field] = text[:at] + ("1" if text[at] != "1" else "2") + text[at + 1 :]
    if field == "details":
        stored[field] = {"number": f"{seq}0"}
    entries[seq] = ChainedEntry.model_validate(stored | {"seq": int(stored["seq"])})
    return entries


@pytest.mark.parametrize(
    "field",
    ["app_user_id", "connection_id", "details", "at", "function", "previous", "hash", "seq", "request_id", "app"],
)
def test_one_changed_byte_anywhere_in_any_entry_is_found_and_named(field: str) -> None:
    for seq in random.Random(field).sample(range(101, ENTRIES + 1), 25):
        found = check(damaged(seq, field))
        assert seq in {damage.seq for damage in found}, (field, seq)
        assert {damage.seq for damage in found} <= {seq, seq + 1}, (field, seq, found)


def test_what_is_no_entry_any_more_is_named_and_hides_no_other_damage() -> None:
    entries: dict[int, ChainedEntry | None] = {**damaged(300, "details"), 250: None}
    assert check(entries) == [Damage(250, "cannot be read"), Damage(300, "was changed")]


def test_entries_behind_the_end_of_the_chain_are_named() -> None:
    found = check(log(), signed=[], head=AuditHead(), now=START)
    assert [damage.what for damage in found] == ["is beyond the end of the chain"] * ENTRIES


def test_any_entry_that_was_removed_and_any_two_that_were_swapped_are_named() -> None:
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
