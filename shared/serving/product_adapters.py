"""Chooses the adapters of products besides transactions, like adapters.py."""

from typing import TYPE_CHECKING

from shared.serving.adapters import audit_log, firestore_client
from shared.serving.once import once

if TYPE_CHECKING:
    from shared import ports


@once
def product_consents() -> "ports.ProductConsents":
    """The products that wait for their user's consent."""
    from shared.adapters.firestore.product_consents import FirestoreProductConsents

    return FirestoreProductConsents(firestore_client())


@once
def product_syncs() -> "ports.ProductSyncs":
    """States and rows of products."""
    from shared.adapters.firestore.product_syncs import FirestoreProductSyncs

    return FirestoreProductSyncs(firestore_client(), audit=audit_log())
