"""What happened, to whom, through what: entries that are only ever added, each chained to the one before."""

import hashlib
import json
from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict

GENESIS = "0" * 64
OPERATORS = "bank-operators"
"""In a uid's place: whose log holds what operators do that is about no single user."""


class Actor(StrEnum):
    """Who did it."""

    USER = "user"
    PROVIDER = "provider"  # Plaid, by a webhook or an answer
    BACKEND = "backend"  # a schedule or a task of ours
    OPERATOR = "operator"


class AuditAction(StrEnum):
    """What was done."""

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
    OPERATION = "operation"  # an operator's command, written before it acts


class AuditEntry(BaseModel):
    """One thing that was done. No personal data beyond the uid; details are ids, codes and states."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    app_user_id: str
    connection_id: str | None = None
    action: AuditAction
    actor: Actor
    details: dict[str, str] = {}
    request_id: str | None = None
    at: datetime


class AuditHead(BaseModel):
    """Where a user's chain ends; the default is before its first entry."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    seq: int = 0
    hash: str = GENESIS


class ChainedEntry(AuditEntry):
    """An entry in its place: its hash covers everything in it, and the hash of the entry before."""

    seq: int
    function: str
    app: str | None = None  # which App Check vouched for, if it was asked
    previous: str
    hash: str = ""

    @classmethod
    def after(cls, head: AuditHead, entry: AuditEntry, *, function: str, app: str | None = None) -> Self:
        """The entry that follows the head of a chain."""
        placed = cls(**entry.model_dump(), seq=head.seq + 1, function=function, app=app, previous=head.hash)
        return placed.model_copy(update={"hash": placed.digest()})

    def digest(self) -> str:
        """SHA-256 over the canonical JSON of all fields but the hash itself."""
        fields = self.model_dump(mode="json", exclude={"hash"})
        return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def head(self) -> AuditHead:
        """The chain's end, once this is in it."""
        return AuditHead(seq=self.seq, hash=self.hash)
