"""Finds the key pair of a webhook's item, before the webhook is verified."""

import json

from shared.domain import storable
from shared.domain.region import Region
from shared.ports import Connections


def webhook_region(body: bytes, *, connections: Connections) -> Region | None:
    """The key pair of the connection that has the item in a webhook's body.

    Args:
        body: The unverified body.
        connections: The connections.

    Returns:
        None if the body names no item of a connection.

    Raises:
        Unavailable: The store did not answer.
    """
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    item_id = parsed.get("item_id") if isinstance(parsed, dict) else None
    if not isinstance(item_id, str) or not storable.is_document_id(item_id):
        return None
    return next((connection.region for connection in connections.of_item(item_id)), None)
