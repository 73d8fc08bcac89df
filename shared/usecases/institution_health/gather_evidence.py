"""Gathers what is known about the health of one institution."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.bank_contact import ContactSource
from shared.domain.errors import BankError
from shared.domain.institution_health.counting import NEWEST
from shared.domain.institution_health.evidence import (
    LONGEST_WINDOW,
    Evidence,
    HealthState,
    ItemUpdate,
    Outcome,
    PlaidStatus,
)
from shared.domain.institution_health.login_storm import MOST_LOGINS, STORM_WINDOW
from shared.domain.institution_health.record import HealthRecord
from shared.log import log
from shared.ports import BankContacts, Contact

STATUS_KEPT = timedelta(minutes=4)  # less than the time between two judgements
STATUS_KEPT_IN_OUTAGE = timedelta(minutes=14)  # probes say more then, and each call counts
_OF_PLAID = (ContactSource.ITEM, ContactSource.CHECK)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceGatherer:
    """Gathers evidence: two queries and a count, whose reads are bounded, and normally at most one call of Plaid.

    Attributes:
        contacts: The contacts with banks.
        ask_status: Asks Plaid for its status of an institution.
    """

    contacts: BankContacts
    ask_status: Callable[[str], PlaidStatus | None]

    def status(self, record: HealthRecord, *, now: datetime) -> PlaidStatus | None:
        """Plaid's own status of the institution; the known one, if Plaid was asked a moment ago or does not answer."""
        in_outage = record.state in (HealthState.DOWN, HealthState.RECOVERING)
        kept = STATUS_KEPT_IN_OUTAGE if in_outage else STATUS_KEPT
        if record.plaid is not None and now - record.plaid.at < kept:
            return record.plaid
        try:
            return self.ask_status(record.institution_id)
        except BankError as error:
            log.info("institution.status_unknown", institution_id=record.institution_id, error_code=error.code)
            return record.plaid

    def __call__(self, record: HealthRecord, *, shared_at: datetime | None, now: datetime) -> Evidence:
        """The evidence.

        Args:
            record: The record with Plaid's status and the number of connections.
            shared_at: When failures were last attributed to Plaid or to us.
            now: The present.
        """
        name = record.institution_id
        latest = self.contacts.latest(name, since=now - LONGEST_WINDOW, limit=NEWEST)
        known = [replace(one, at=min(one.at, now)) for one in latest]  # Plaid's clock may be ahead
        lost = self.contacts.logins_lost(name, since=now - STORM_WINDOW, limit=MOST_LOGINS)
        return Evidence(
            institution_id=name,
            now=now,
            connections=record.connections,
            outcomes=tuple(_outcome(one) for one in known if one.source not in _OF_PLAID),
            updates=tuple(_update(one) for one in known if one.source in _OF_PLAID),
            plaid=record.plaid,
            baseline=record.baseline,
            logins_lost=tuple(lost),
            shared_at=shared_at,
        )


def _outcome(one: Contact) -> Outcome:
    return Outcome(one.connection_id, one.app_user_id, one.at, one.failed, one.source is ContactSource.LIVE)


def _update(one: Contact) -> ItemUpdate:
    worked, failed = (None, one.at) if one.failed else (one.at, None)
    sampled = one.source is not ContactSource.CHECK
    return ItemUpdate(one.connection_id, one.app_user_id, worked, failed, one.known_at, sampled)
