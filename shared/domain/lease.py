"""The lease of a sync: which run may write its state, until when, and how its commits are told apart."""

from datetime import datetime, timedelta
from typing import Self

from pydantic import Field

from shared.domain.state_group import Changes, StateGroup

LEASE = timedelta(seconds=90)  # another run can take over at most 2 minutes after the last heartbeat


class Lease(StateGroup):
    """The lease of a sync.

    Attributes:
        lease_owner, lease_expires_at: The task delivery that may write, and until when; None if no run is working.
        writer: The delivery that acquired the lease last. With `heartbeat_seq` it identifies the last commit.
        heartbeat_seq: Incremented by every commit of a run. It distinguishes a commit whose response was lost from a
            refused one.
        external_revision: Incremented by every commit made outside a run, so that the document's version always
            changes.
    """

    lease_owner: str | None = None
    lease_expires_at: datetime | None = None
    writer: str | None = None
    heartbeat_seq: int = Field(default=0, alias="beat")
    external_revision: int = Field(default=0, alias="looks")

    def is_leased(self, now: datetime) -> bool:
        """Whether a run is working and its lease has not expired."""
        return self.lease_expires_at is not None and now < self.lease_expires_at

    def _lease_acquired(self, owner: str, *, now: datetime) -> Changes:
        """A task delivery acquires the lease."""
        return {
            "lease_owner": owner,
            "lease_expires_at": now + LEASE,
            "writer": owner,
            "heartbeat_seq": self.heartbeat_seq + 1,
        }

    def _lease_renewed(self, *, now: datetime) -> Changes:
        """The owner renews the lease."""
        return {"lease_expires_at": now + LEASE, "heartbeat_seq": self.heartbeat_seq + 1}

    def _lease_released(self) -> Changes:
        """The owner releases the lease."""
        return {"lease_owner": None, "lease_expires_at": None, "heartbeat_seq": self.heartbeat_seq + 1}

    def _lease_revoked(self) -> Changes:
        """Takes the lease from its owner, if it has one: the owner's next commit is refused."""
        return {"lease_owner": None, "lease_expires_at": None}

    def touched(self) -> Self:
        """Marks the state as written from outside a run.

        A write without changes does not change a document's version, so without this mark two such writers would not
        conflict.
        """
        return self._with(external_revision=self.external_revision + 1)
