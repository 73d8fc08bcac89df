"""Fakes of what products besides transactions need."""

from __future__ import annotations

from shared.domain.products.kinds import ProductKind
from tests.fakes import Calls


class FakeProductConsents:
    """The kinds of each connection that wait for their user's consent."""

    def __init__(self, calls: Calls | None = None) -> None:
        self.calls = calls or Calls()
        self.by_connection: dict[str, set[ProductKind]] = {}

    def lacking(self, connection_id: str) -> frozenset[ProductKind]:
        found: frozenset[ProductKind] = self.calls.around(
            "product_consents.lacking", lambda: frozenset(self.by_connection.get(connection_id, ()))
        )
        return found
