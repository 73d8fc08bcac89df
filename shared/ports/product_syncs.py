"""States of product syncs, and the rows of products."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol, TypeAlias

from shared.domain.products.kinds import ProductKind
from shared.domain.products.product_state import ProductState
from shared.domain.products.rows import StoredProductRow
from shared.ports.clock import Version
from shared.ports.run_states import LoadedState, RunStates

LoadedProduct: TypeAlias = LoadedState[ProductState]
"""The state of a product sync."""


@dataclass(frozen=True, slots=True)
class StoredRows:
    """Stored rows of a product by id, and their versions."""

    rows: dict[str, StoredProductRow] = field(default_factory=dict)
    versions: dict[str, Version] = field(default_factory=dict)


class ProductSyncs(RunStates[ProductState], Protocol):
    """States of product syncs, named by `product_id`, and their rows."""

    def of_connection(self, connection_id: str, kinds: Collection[ProductKind]) -> dict[ProductKind, LoadedProduct]:
        """The states of these kinds that exist."""

    def stored_rows(
        self, connection_id: str, kind: ProductKind, *, since: date | None = None, account_id: str | None = None
    ) -> StoredRows:
        """The stored rows of a product.

        Args:
            connection_id: The connection.
            kind: The product.
            since: Only rows of this `date` or later.
            account_id: Only rows of this account.
        """

    def transactions_since(self, connection_id: str, day: date) -> list[Mapping[str, Any]]:
        """The stored bank transactions of this day and later, with the fields that our own detection uses."""
