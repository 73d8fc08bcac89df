"""Audit entries: append-only, each chained to the previous one by its hash."""

import hashlib
import json
from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict

GENESIS = "0" * 64
OPERATORS = "bank-operators"
"""The pseudo-uid whose log contains operators' actions that concern no single user."""


class Actor(StrEnum):
    """Who performed an action."""

    USER = "user"
    PROVIDER = "provider"  # Plaid, by a webhook or an answer
    BACKEND = "backend"  # a scheduled function or a task
    OPERATOR = "operator"


class AuditAction(StrEnum):
    """An audited action."""

    CONNECTION_CREATED = "connection_created"
    STATUS_CHANGED = "status_changed"
    ACCOUNT_REVOKED = "account_revoked"
    TOKEN_ROTATED = "token_rotated"  # noqa: S105 (a name)
    TOKEN_LOST = "token_lost"  # noqa: S105 (a name)
    REMOVAL_STARTED = "removal_started"
    REMOVAL_DONE = "removal_done"
    ERASURE_STARTED = "erasure_started"
    ERASURE_DONE = "erasure_done"
    LINK_LOST = "link_lost"
    HISTORY_MOVED = "history_moved"  # the notes of a replaced connection
    OPERATION = "operation"  # an operator's command, recorded before it runs


class AuditEntry(BaseModel):
    """An audited event. It has no personal data except the uid; `details` has only ids, codes and states."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    app_user_id: str
    connection_id: str | None = None
    action: AuditAction
    actor: Actor
    details: dict[str, str] = {}
    request_id: str | None = None
    at: datetime


class AuditHead(BaseModel):
    """The end of a user's chain; the default is the empty chain."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    seq: int = 0
    hash: str = GENESIS


class ChainedEntry(AuditEntry):
    """An entry at its position in the chain. Its hash covers all its fields and the hash of the previous entry."""

    seq: int
    function: str
    app: str | None = None  # the app that App Check verified, if it is enforced
    previous: str
    hash: str = ""

    @classmethod
    def after(cls, head: AuditHead, entry: AuditEntry, *, function: str, app: str | None = None) -> Self:
        """Appends an entry to the chain that ends with `head`."""
        placed = cls(**entry.model_dump(), seq=head.seq + 1, function=function, app=app, previous=head.hash)
        return placed.model_copy(update={"hash": placed.digest()})

    def digest(self) -> str:
        """SHA-256 of the canonical JSON of all fields except the hash itself."""
        fields = self.model_dump(mode="json", exclude={"hash"})
        return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def head(self) -> AuditHead:
        """The end of the chain once it contains this entry."""
        return AuditHead(seq=self.seq, hash=self.hash)
