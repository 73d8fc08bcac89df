"""Verifies an audit log: finds changed, missing and moved entries.

Each entry has the hash of the previous one, so the log is a chain from its first entry to its head. Checkpoints sign
the head from time to time: an attacker who can write to the store can forge entries, but not checkpoints. Retention
deletes old entries in any order (Firestore deletes expired documents within days). So entries may be missing before the
newest checkpoint that is older than the retention, but none after it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from shared.domain.audit import GENESIS, AuditHead, ChainedEntry


class Checkpoint(BaseModel):
    """A signed head of a user's chain."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    app_user_id: str
    seq: int
    hash: str
    at: datetime
    key_id: str = ""
    signature: str = ""

    def message(self) -> bytes:
        """The signed bytes: all fields except the signature and its key."""
        fields = self.model_dump(mode="json", exclude={"signature", "key_id"})
        return b"bank-audit-checkpoint:1:" + json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Damage:
    """A problem of the log: the entry and what is wrong with it."""

    seq: int
    what: str

    def __str__(self) -> str:
        return f"entry {self.seq}: {self.what}"


def damages(
    entries: Mapping[int, ChainedEntry | None],
    *,
    checkpoints: Sequence[Checkpoint],
    head: AuditHead,
    is_signed: Callable[[Checkpoint], bool],
    now: datetime,
    retention: timedelta,
) -> list[Damage]:
    """All problems of a user's log; empty if the log is intact.

    Args:
        entries: The stored entries by their number; None for a document that cannot be read as an entry.
        checkpoints: The user's checkpoints.
        head: The stored end of the chain.
        is_signed: Whether a checkpoint has a valid signature of the backend.
        now: The present.
        retention: The minimum time that entries are kept.
    """
    found = [Damage(c.seq, "has a checkpoint with an invalid signature") for c in checkpoints if not is_signed(c)]
    signed = {c.seq: c for c in checkpoints if is_signed(c)}
    kept_from = max((c.seq for c in signed.values() if now - c.at >= retention), default=0)
    for seq, entry in sorted(entries.items()):
        found += [Damage(seq, "cannot be read")] if entry is None else _itself(seq, entry)
        if seq > head.seq:
            found.append(Damage(seq, "is beyond the end of the chain"))
    previous = signed[kept_from].hash if kept_from else GENESIS
    last = max([head.seq, kept_from, *entries, *signed])
    for seq in range(kept_from + 1, last + 1):
        here = entries.get(seq)
        if here is None:
            if seq not in entries:
                found.append(Damage(seq, "is missing"))
            previous = ""
            continue
        if previous and here.previous != previous:
            found.append(Damage(seq, "does not follow the entry before it"))
        previous = here.hash
    for seq, checkpoint in signed.items():
        if (here := entries.get(seq)) is not None and here.hash != checkpoint.hash:
            found.append(Damage(seq, "differs from its signed checkpoint"))
    if (end := entries.get(head.seq)) is not None and end.hash != head.hash:
        found.append(Damage(head.seq, "differs from the stored end of the chain"))
    return sorted(set(found), key=lambda damage: damage.seq)


def _itself(seq: int, entry: ChainedEntry) -> list[Damage]:
    if entry.seq != seq:
        return [Damage(seq, f"was moved: it is entry {entry.seq}")]
    return [] if entry.digest() == entry.hash else [Damage(seq, "was changed")]
