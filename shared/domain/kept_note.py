"""The notification that saves the user's notes on a transaction which the bank removed."""

import hashlib
from datetime import datetime
from typing import Any

from shared.domain.notification import Notification, NotificationKind, notification

MAX_LABEL = 200  # characters of a transaction's name: a bank may send one as long as a document


def note_kept(
    *,
    connection_id: str,
    transaction_id: str,
    label: str,
    notes: dict[str, Any],
    bank: str | None = None,
    language: object = None,
    now: datetime,
) -> Notification | None:
    """Saves the user's notes on a transaction that the bank removed; None if there are no notes."""
    written = [str(notes[name]) for name in ("note", "category") if notes.get(name)]
    if isinstance(tags := notes.get("tags"), list):
        written += [f"#{tag}" for tag in tags]
    if not written:
        return None
    return notification(
        NotificationKind.NOTE_KEPT,
        event_id=transaction_id if len(transaction_id) <= MAX_LABEL else _hashed(transaction_id),
        connection_id=connection_id,
        bank=bank,
        language=language,
        now=now,
        label=label[:MAX_LABEL],
        notes=tuple(written),
    )


def _hashed(event_id: str) -> str:
    """A short id for an event whose own id is too long: a document id has at most 1,500 bytes."""
    return hashlib.sha256(event_id.encode()).hexdigest()
