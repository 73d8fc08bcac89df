"""What a user is told about a connection, once per event."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict


class NotificationKind(StrEnum):
    """The events that users are told of."""

    NOTE_KEPT = "note_kept"  # a transaction went away that the user had written on


class Notification(BaseModel):
    """A document under the user; `notification_id` is made from the event, so that telling twice tells once."""

    model_config = ConfigDict(frozen=True)

    notification_id: str
    kind: NotificationKind
    connection_id: str
    title: str
    body: str
    created_at: datetime
    read_at: datetime | None = None


def note_kept(
    *, connection_id: str, transaction_id: str, label: str, notes: dict[str, Any], now: datetime
) -> Notification | None:
    """The bank took a transaction back: what the user wrote on it is not lost with it. None if that is nothing."""
    written = [str(notes[name]) for name in ("note", "category") if notes.get(name)]
    if isinstance(tags := notes.get("tags"), list):
        written += [f"#{tag}" for tag in tags]
    if not written:
        return None
    return Notification(
        notification_id=f"note-{transaction_id}",
        kind=NotificationKind.NOTE_KEPT,
        connection_id=connection_id,
        title="A transaction disappeared",
        body=f"Your bank took back {label}. You had written: {' · '.join(written)}",
        created_at=now,
    )
