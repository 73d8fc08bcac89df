"""Chooses the adapters of products besides transactions, like adapters.py."""

from typing import TYPE_CHECKING

from shared.serving.adapters import firestore_client
from shared.serving.once import once

if TYPE_CHECKING:
    from shared import ports


@once
def product_consents() -> "ports.ProductConsents":
    """The products that wait for their user's consent."""
    from shared.adapters.firestore.product_consents import FirestoreProductConsents

    return FirestoreProductConsents(firestore_client())
