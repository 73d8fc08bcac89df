"""The contract of the port `ProductConsents`: the same tests over the fake and over Firestore."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from shared.adapters.firestore.product_consents import FirestoreProductConsents
from shared.domain.products.kinds import ProductKind
from shared.ports import ProductConsents
from tests.fake_products import FakeProductConsents

Put = Callable[[str, str, str], None]


@pytest.fixture(params=["fake", "firestore"])
def ground(request: pytest.FixtureRequest) -> tuple[ProductConsents, Put]:
    """The port, and a function that stores the status of a kind of a connection."""
    if request.param == "fake":
        fake = FakeProductConsents()

        def put(connection_id: str, kind: str, status: str) -> None:
            if status == "needs_consent" and kind in set(ProductKind):
                fake.by_connection.setdefault(connection_id, set()).add(ProductKind(kind))

        return fake, put
    client: Any = request.getfixturevalue("checked_client")

    def put_document(connection_id: str, kind: str, status: str) -> None:
        path = f"bank_connections/{connection_id}/bank_products/{kind}"
        client.document(path).set({"kind": kind, "status": status, "app_user_id": "alice"})

    return FirestoreProductConsents(client), put_document


def test_kinds_that_wait_for_consent_are_found_by_connection(ground: tuple[ProductConsents, Put]) -> None:
    consents, put = ground
    here, there = f"c-{uuid.uuid4().hex}", f"c-{uuid.uuid4().hex}"
    assert consents.lacking(here) == frozenset()
    put(here, "holdings", "needs_consent")
    put(here, "recurring", "needs_consent")
    put(here, "liabilities", "ready")
    put(here, "a_kind_of_a_later_version", "needs_consent")
    put(there, "liabilities", "needs_consent")
    assert consents.lacking(here) == {ProductKind.HOLDINGS, ProductKind.RECURRING}
