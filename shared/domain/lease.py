"""Who may write a sync's state, until when, and how its commits are told apart."""

from datetime import datetime, timedelta
from typing import Self

from pydantic import Field

from shared.domain.state_group import Changes, StateGroup

LEASE = timedelta(seconds=90)  # a dead run is free at most 2 minutes after its last sign of life


class Lease(StateGroup):
    """The lease of a sync.

    Attributes:
        lease_owner, lease_expires_at: The delivery that may write, and until when; None while no run works.
        writer: The delivery that acquired the lease last. With `heartbeat_seq` it tells whose the last commit was.
        heartbeat_seq: Incremented by every commit of a run: it tells a commit whose answer was lost from one that was
            refused.
        external_revision: Incremented by every commit made outside a run, so that the document's version always
            changes.
    """

    lease_owner: str | None = None
    lease_expires_at: datetime | None = None
    writer: str | None = None
    heartbeat_seq: int = Field(default=0, alias="beat")
    external_revision: int = Field(default=0, alias="looks")

    def is_leased(self, now: datetime) -> bool:
        """Whether a run that shows life is working."""
        return self.lease_expires_at is not None and now < self.lease_expires_at

    def _lease_acquired(self, owner: str, *, now: datetime) -> Changes:
        """A delivery begins to work."""
        return {
            "lease_owner": owner,
            "lease_expires_at": now + LEASE,
            "writer": owner,
            "heartbeat_seq": self.heartbeat_seq + 1,
        }

    def _lease_renewed(self, *, now: datetime) -> Changes:
        """Its owner shows life."""
        return {"lease_expires_at": now + LEASE, "heartbeat_seq": self.heartbeat_seq + 1}

    def _lease_released(self) -> Changes:
        """Its owner stops working."""
        return {"lease_owner": None, "lease_expires_at": None, "heartbeat_seq": self.heartbeat_seq + 1}

    def _lease_revoked(self) -> Changes:
        """It is taken from its owner, if it has one: the owner's next commit is refused."""
        return {"lease_owner": None, "lease_expires_at": None}

    def touched(self) -> Self:
        """Something is written together with this state from outside a run.

        A write that changes nothing of a document leaves its version as it is, so without this two of them would not
        notice each other.
        """
        return self._with(external_revision=self.external_revision + 1)
