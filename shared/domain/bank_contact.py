"""The latest outcome of a call that reached a connection's bank, kept apart from the outcomes of its syncs.

A sync reads Plaid's cache, so it works while the bank is down; a failed refresh before it would be forgotten. This
outcome is the evidence from which an outage of the bank is detected (shared/domain/institution_health/).
"""

from datetime import datetime
from enum import StrEnum
from typing import Self

from shared.domain.errors import BankError, ErrorKind, ProviderError
from shared.domain.state_group import StateGroup


class ContactSource(StrEnum):
    """How an outcome became known."""

    LIVE = "live"  # the bank was asked while the call waited: a refresh, a live balance, a first extraction
    SYNC = "sync"  # a sync of cached data failed because of the bank
    ITEM = "item"  # a probe read Plaid's own latest update of the item
    CHECK = "check"  # a daily check or a webhook did so; only failures and their ends are recorded


class BankContact(StateGroup):
    """The latest outcome.

    Attributes:
        bank_at: When the bank was reached, or failed; None if no outcome is known.
        bank_failed: Whether the bank failed.
        bank_source: How the outcome became known.
        bank_known_at: When it did; later than `bank_at` if Plaid reported an update of its own.
    """

    bank_at: datetime | None = None
    bank_failed: bool = False
    bank_source: ContactSource | None = None
    bank_known_at: datetime | None = None

    def contacted(self, *, at: datetime, failed: bool, source: ContactSource, known_at: datetime | None = None) -> Self:
        """Records an outcome, unless a newer one is known; a probe confirms what Plaid reported before.

        Args:
            at: When the bank was reached, or failed.
            failed: Whether it failed.
            source: How the outcome became known.
            known_at: When it did; by default at once.
        """
        known_at = known_at or at
        if self.bank_at is not None and self.bank_at >= at:
            reported = self.bank_source in (ContactSource.CHECK, ContactSource.ITEM)
            confirms = self.bank_at == at and reported and source is ContactSource.ITEM
            return self._with(bank_source=source, bank_known_at=known_at) if confirms else self
        return self._with(bank_at=at, bank_failed=failed, bank_source=source, bank_known_at=known_at)

    def failed_since(self, before: Self) -> bool:
        """Whether the bank has failed since an earlier state."""
        return self.bank_failed and self.bank_at != before.bank_at

    def item_read(self, *, worked_at: datetime | None, failed_at: datetime | None, now: datetime) -> Self:
        """Records what Plaid reports about its own updates of the item.

        An update that worked is only recorded after a failure: a healthy connection must not cost a write per check.
        """
        if failed_at is not None and (worked_at is None or failed_at > worked_at):
            return self.contacted(at=failed_at, failed=True, source=ContactSource.CHECK, known_at=now)
        if self.bank_failed and worked_at is not None:
            return self.contacted(at=worked_at, failed=False, source=ContactSource.CHECK, known_at=now)
        return self


def is_banks_fault(error: BankError) -> bool:
    """Whether the bank failed: not the user, not Plaid, and not our own configuration."""
    return isinstance(error, ProviderError) and error.kind is ErrorKind.INSTITUTION_DOWN
