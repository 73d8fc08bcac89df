"""The audit log in Firestore: one chain per user, written in the same commit as the audited change. Private.

bank_audit/{uid}                                  the end of the chain; updated with each entry; kept until `drop_at`
bank_audit/{uid}/bank_audit_entries/{seq}         the entries, numbered from 1; deleted by a TTL on `expires_at`
bank_audit/{uid}/bank_audit_checkpoints/{seq}     signed checkpoints of the chain
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from google.cloud.firestore_v1.base_query import FieldFilter
from pydantic import ValidationError

from shared import request_context, trace
from shared.adapters.firestore.commit import READ_TIMEOUT_SECONDS, RETRY, Batch, version_of
from shared.adapters.firestore.document_names import document_names
from shared.adapters.firestore.errors import translates_outages
from shared.domain import retention
from shared.domain.audit import AuditEntry, AuditHead, ChainedEntry
from shared.domain.audit_chain import Checkpoint
from shared.domain.errors import Conflict, Unavailable
from shared.ports import Version
from shared.ports.compare_and_set import retry_on_conflict

if TYPE_CHECKING:
    from google.cloud import firestore

HEADS = "bank_audit"
ENTRIES = "bank_audit_entries"
CHECKPOINTS = "bank_audit_checkpoints"
SIGN_WITHIN = timedelta(hours=24)
MAX_TRIES = 20  # for an entry in a commit of its own


@translates_outages
class FirestoreAudit:
    """The port `AuditLog`; also adds entries to other commits.

    Args:
        client: Firestore.
        function: The function that this process serves.
        retention: How long entries are kept.
    """

    def __init__(self, client: "firestore.Client", *, function: str, retention: timedelta) -> None:
        self._client = client
        self._function = function
        self._retention = retention

    def append(self, batch: Batch, entries: Sequence[AuditEntry]) -> Version | None:
        """Adds entries of one user to a commit; takes one read.

        The commit raises Conflict if another entry of the user was first: read again and decide again.

        Returns:
            The version of the log's head that the commit compares; None if the log is empty.
        """
        if not entries:
            return None
        path = f"{HEADS}/{entries[0].app_user_id}"
        snapshot = self._client.document(path).get(retry=RETRY, timeout=READ_TIMEOUT_SECONDS)
        stored = snapshot.to_dict() or {}
        head = AuditHead.model_validate(stored) if snapshot.exists else AuditHead()
        if (within := trace.current()) is not None:
            entries = [
                entry.model_copy(update={"details": entry.details | {"trace": within.trace_id}}) for entry in entries
            ]
        for entry in entries:
            chained = ChainedEntry.after(head, entry, function=self._function, app=request_context.app.get())
            fields = chained.model_dump() | {"expires_at": chained.at + self._retention + retention.CHECKED_AUDIT_ENTRY}
            batch.create(f"{path}/{ENTRIES}/{chained.seq:010d}", fields)
            head = chained.head()
        fields = head.model_dump() | {"sign_at": stored.get("sign_at") or entries[0].at + SIGN_WITHIN}
        fields["drop_at"] = self._drop_at(entries[-1].at)
        if snapshot.exists:
            batch.replace(path, fields, expected=version_of(snapshot))
            return version_of(snapshot)
        batch.create(path, fields)
        return None

    def write_down(self, entry: AuditEntry) -> None:
        """Appends an entry in a commit of its own: one read and one commit, repeated after a conflict.

        Raises:
            Unavailable: The store did not respond, or every attempt had a conflict.
        """

        def append() -> None:
            batch = Batch(self._client)
            self.append(batch, [entry])
            batch.commit()

        busy = Unavailable(
            "another process is writing to the audit log; retry later", code="store_busy", retry_after_seconds=1
        )
        retry_on_conflict(append, tries=MAX_TRIES, busy=busy)

    def unsigned(self, now: datetime, *, limit: int) -> list[str]:
        """Lists the users whose chains are due for a signature, in one query."""
        query = self._client.collection(HEADS).where(filter=FieldFilter("sign_at", "<=", now))
        return [snapshot.id for snapshot in query.order_by("sign_at").limit(limit).stream()]

    def postpone_signing(self, app_user_id: str, *, until: datetime) -> None:
        """Postpones the signature of a chain, in one write; no effect if the chain was deleted meanwhile."""
        batch = Batch(self._client)
        batch.update(f"{HEADS}/{app_user_id}", {"sign_at": until})
        with suppress(Conflict):
            batch.commit()

    def head(self, app_user_id: str) -> tuple[AuditHead, Version | None]:
        """Loads the end of a user's chain, in one read."""
        snapshot = self._client.document(HEADS, app_user_id).get()
        if not snapshot.exists:
            return AuditHead(), None
        return AuditHead.model_validate(snapshot.to_dict()), version_of(snapshot)

    def add_checkpoint(self, checkpoint: Checkpoint, *, expected: Version) -> None:
        """Stores a checkpoint and marks the chain as signed, in one commit."""
        path = f"{HEADS}/{checkpoint.app_user_id}"
        batch = Batch(self._client)
        fields = {"seq": checkpoint.seq, "hash": checkpoint.hash, "sign_at": None}
        # Also sets it for logs that were written before `drop_at` existed.
        batch.update(path, fields | {"drop_at": self._drop_at(checkpoint.at)}, expected=expected)
        batch.replace(f"{path}/{CHECKPOINTS}/{checkpoint.seq:010d}", checkpoint.model_dump())
        batch.commit()

    def move_end(self, app_user_id: str, head: AuditHead, *, expected: Version | None) -> None:
        """Replaces the end of a chain, in one commit."""
        path, batch = f"{HEADS}/{app_user_id}", Batch(self._client)
        fields = head.model_dump() | {"sign_at": None}
        if expected is None:
            batch.create(path, fields | {"drop_at": self._drop_at(datetime.now(UTC))})
        else:
            batch.update(path, fields, expected=expected)
        batch.commit()

    def ended(self, now: datetime, *, limit: int) -> list[str]:
        """Lists the users whose logs may be deleted, in one query."""
        query = self._client.collection(HEADS).where(filter=FieldFilter("drop_at", "<=", now))
        return [snapshot.id for snapshot in query.order_by("drop_at").limit(limit).stream()]

    def drop(self, app_user_id: str, *, now: datetime) -> None:
        """Deletes the rest of a user's log: one read, two queries for names, one commit."""
        path = f"{HEADS}/{app_user_id}"
        snapshot = self._client.document(path).get()
        if not snapshot.exists or not ((snapshot.to_dict() or {}).get("drop_at") or now) <= now:
            raise Conflict
        batch = Batch(self._client)
        batch.delete(path, expected=version_of(snapshot))
        for collection in (ENTRIES, CHECKPOINTS):
            for name in document_names(self._client.collection(HEADS, app_user_id, collection)):
                batch.delete(name)
        batch.commit()

    def _drop_at(self, last: datetime) -> datetime:
        """Some days after the TTL of the last entry: Firestore deletes expired documents within days, not at once."""
        return last + self._retention + 2 * retention.CHECKED_AUDIT_ENTRY

    def entries(self, app_user_id: str) -> Iterator[tuple[int, ChainedEntry | None]]:
        """Reads a user's whole log, in one query."""
        for snapshot in self._client.collection(HEADS, app_user_id, ENTRIES).stream():
            try:
                entry = ChainedEntry.model_validate(snapshot.to_dict())
            except ValidationError:
                entry = None
            yield int(snapshot.id), entry

    def checkpoints(self, app_user_id: str) -> list[Checkpoint]:
        """Reads the checkpoints of a user's log, in one query."""
        found = self._client.collection(HEADS, app_user_id, CHECKPOINTS).stream()
        return [_checkpoint(app_user_id, snapshot) for snapshot in found]


def _checkpoint(app_user_id: str, snapshot: Any) -> Checkpoint:
    """The checkpoint in a document; one without a signature if the document is unreadable."""
    try:
        return Checkpoint.model_validate(snapshot.to_dict())
    except ValidationError:
        return Checkpoint(app_user_id=app_user_id, seq=int(snapshot.id), hash="", at=snapshot.update_time)
