"""Is an audit log as it was written? What was changed, removed or moved is named.

An entry names the hash of the one before it, so the log hangs together from its first entry to its head. Now and then a
checkpoint signs where the chain stood: whoever can write to the store can forge entries, but not those. Retention drops
old entries, in whatever order (Firestore deletes what has expired within days), so up to the newest checkpoint that is
older than the retention entries may be missing; from there on none may.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from shared.domain.audit import GENESIS, AuditHead, ChainedEntry


class Checkpoint(BaseModel):
    """Where a user's chain stood, signed."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    app_user_id: str
    seq: int
    hash: str
    at: datetime
    key_id: str = ""
    signature: str = ""

    def message(self) -> bytes:
        """What is signed: everything but the signature and its key."""
        fields = self.model_dump(mode="json", exclude={"signature", "key_id"})
        return b"bank-audit-checkpoint:1:" + json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Damage:
    """Something is wrong with the log: where, and what."""

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
    """Everything that is wrong with a user's log; empty if it is whole.

    Args:
        entries: What is in the store, by the number that it is stored under; None for what is no entry any more.
        checkpoints: The user's checkpoints.
        head: Where the store says that the chain ends.
        is_signed: Whether a checkpoint bears a signature of ours.
        now: The present.
        retention: How long entries are kept at least.
    """
    found = [Damage(c.seq, "the checkpoint here is not signed by us") for c in checkpoints if not is_signed(c)]
    signed = {c.seq: c for c in checkpoints if is_signed(c)}
    kept_from = max((c.seq for c in signed.values() if now - c.at >= retention), default=0)
    for seq, entry in sorted(entries.items()):
        found += [Damage(seq, "cannot be read")] if entry is None else _itself(seq, entry)
        if seq > head.seq:
            found.append(Damage(seq, "comes after the end of the chain"))
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
            found.append(Damage(seq, "is not the entry that was signed"))
    if (end := entries.get(head.seq)) is not None and end.hash != head.hash:
        found.append(Damage(head.seq, "is not where the chain ends"))
    return sorted(set(found), key=lambda damage: damage.seq)


def _itself(seq: int, entry: ChainedEntry) -> list[Damage]:
    if entry.seq != seq:
        return [Damage(seq, f"is in the place of another: it is entry {entry.seq}")]
    return [] if entry.digest() == entry.hash else [Damage(seq, "was changed")]
