"""Which products of a connection wait for their user's consent."""

from typing import Protocol

from shared.domain.products.kinds import ProductKind


class ProductConsents(Protocol):
    """The products that a sync could not read without more consent."""

    def lacking(self, connection_id: str) -> frozenset[ProductKind]:
        """The kinds that Plaid refused because their user has not consented to them."""
