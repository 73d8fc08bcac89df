"""Chooses the adapters of Plaid, like adapters.py."""

from typing import TYPE_CHECKING

from shared.serving.adapters import clock, connections, executors, firestore_client
from shared.serving.once import once
from shared.settings import settings

if TYPE_CHECKING:
    from shared import ports
    from shared.adapters.plaid.client import PlaidClient
    from shared.adapters.plaid.webhook_signature import WebhookVerifier
    from shared.domain.region import Region


@once
def plaid() -> "PlaidClient":
    """The client of Plaid."""
    from shared.adapters.plaid.client import PlaidClient

    return PlaidClient(settings=settings(), clock=clock())


@once
def plaid_products() -> "ports.PlaidProducts":
    """The client of Plaid's products."""
    from shared.adapters.plaid.product_client import PlaidProductsClient

    return PlaidProductsClient(settings=settings())


def parse_webhook() -> "ports.ParseWebhook":
    """Translates the bodies of Plaid's webhooks."""
    from shared.adapters.plaid.webhook_events import parse_webhook

    return parse_webhook


@once
def webhooks() -> "WebhookVerifier":
    """The verifier of Plaid's webhooks, with its cache of keys."""
    from shared.adapters.firestore.webhook_keys import FirestoreWebhookKeys
    from shared.adapters.plaid.webhook_signature import WebhookVerifier

    stored = FirestoreWebhookKeys(firestore_client())
    return WebhookVerifier(
        fetch_key=plaid().webhook_key,
        stored=stored,
        clock=clock(),
        executors=executors(),
        regions=settings().key_pairs.regions,
        region_of=_webhook_region,
    )


def _webhook_region(body: bytes) -> "Region | None":
    from shared.usecases.items.webhook_region import webhook_region

    return webhook_region(body, connections=connections())
