"""Chooses the adapters about the health of institutions, as `adapters.py` does the others."""

from typing import TYPE_CHECKING

from shared.serving.adapters import firestore_client
from shared.serving.once import once

if TYPE_CHECKING:
    from shared import ports


@once
def health_records() -> "ports.HealthRecords":
    """The records of institutions' health."""
    from shared.adapters.firestore.health_records import FirestoreHealthRecords

    return FirestoreHealthRecords(firestore_client())


@once
def bank_contacts() -> "ports.BankContacts":
    """The evidence about institutions' health."""
    from shared.adapters.firestore.bank_contacts import FirestoreBankContacts

    return FirestoreBankContacts(firestore_client())


@once
def published_health() -> "ports.PublishedHealth":
    """The published health of institutions."""
    from shared.adapters.firestore.institution_health import FirestorePublishedHealth

    return FirestorePublishedHealth(firestore_client())


@once
def outage_notices() -> "ports.OutageNotices":
    """The notifications of outages."""
    from shared.adapters.firestore.outage_notices import FirestoreOutageNotices

    return FirestoreOutageNotices(firestore_client())
