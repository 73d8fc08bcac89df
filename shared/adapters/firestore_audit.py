"""The audit log in Firestore: one chain per user, written in the commit of what it records.

bank_audit/{uid}                                  where the chain ends; compared and set with each entry
bank_audit/{uid}/bank_audit_entries/{seq}         the entries, numbered from 1
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.adapters.firestore_commit import READ_TIMEOUT_SECONDS, RETRY, Batch, version_of
from shared.domain.audit import AuditEntry, AuditHead, ChainedEntry

if TYPE_CHECKING:
    from google.cloud import firestore

HEADS = "bank_audit"
ENTRIES = "bank_audit_entries"


class FirestoreAudit:
    """Adds entries to commits. `function` names the function that this process serves."""

    def __init__(self, client: "firestore.Client", *, function: str) -> None:
        self._client = client
        self._function = function

    def append(self, batch: Batch, entries: Sequence[AuditEntry]) -> None:
        """Adds entries of one user to a commit, at the cost of one read.

        The commit raises Conflict if another entry of the user came first: read again, and decide again.
        """
        if not entries:
            return
        path = f"{HEADS}/{entries[0].app_user_id}"
        snapshot = self._client.document(path).get(retry=RETRY, timeout=READ_TIMEOUT_SECONDS)
        head = AuditHead.model_validate(snapshot.to_dict()) if snapshot.exists else AuditHead()
        for entry in entries:
            chained = ChainedEntry.after(head, entry, function=self._function)
            batch.create(f"{path}/{ENTRIES}/{chained.seq:010d}", chained.model_dump())
            head = chained.head()
        if snapshot.exists:
            batch.replace(path, head.model_dump(), expected=version_of(snapshot))
        else:
            batch.create(path, head.model_dump())
