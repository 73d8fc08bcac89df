"""The products that wait for consent: `bank_connections/{id}/bank_products/{kind}` whose status says so."""

from contextlib import suppress
from typing import TYPE_CHECKING

from google.cloud.firestore_v1.base_query import FieldFilter

from shared.adapters.firestore.errors import translates_outages
from shared.adapters.firestore.product_documents import PRODUCTS
from shared.adapters.firestore.sync_writes import CONNECTIONS
from shared.domain.products.kinds import ProductKind, ProductStatus

if TYPE_CHECKING:
    from google.cloud import firestore


@translates_outages
class FirestoreProductConsents:
    """The port `ProductConsents`."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def lacking(self, connection_id: str) -> frozenset[ProductKind]:
        """Finds the kinds that wait for consent, in one query; ignores kinds of another version of the backend."""
        products = self._client.collection(CONNECTIONS, connection_id, PRODUCTS)
        found = (
            products.where(filter=FieldFilter("status", "==", ProductStatus.NEEDS_CONSENT.value)).select([]).stream()
        )
        kinds: set[ProductKind] = set()
        for snapshot in found:
            with suppress(ValueError):
                kinds.add(ProductKind(snapshot.id))
        return frozenset(kinds)
