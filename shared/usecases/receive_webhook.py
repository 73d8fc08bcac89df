"""A webhook of Plaid's came in, and was verified: keep it, and do what it asks for."""

import hashlib
from typing import Any

from pydantic import ValidationError

from shared.domain.errors import InvalidArgument, NotFound
from shared.domain.webhook import Effect, Webhook
from shared.log import log
from shared.ports import Clock, Connections, Inbox, SyncQueue, Syncs
from shared.usecases.request_sync import sync_by_event


def receive_webhook(
    body: dict[str, Any],
    *,
    delivery: str,
    environment: str,
    inbox: Inbox,
    connections: Connections,
    syncs: Syncs,
    queue: SyncQueue,
    clock: Clock,
) -> None:
    """Records a verified webhook once and acts on it. Unknown codes and items are kept, and ask for nothing.

    Args:
        body: The parsed body.
        delivery: The signed token it came with: the same delivery twice is recorded once.
        environment: Our own Plaid environment; another's webhooks are none of our business.
        inbox, connections, syncs, queue, clock: The outside.

    Raises:
        InvalidArgument: It is not the body of a webhook.
    """
    try:
        webhook = Webhook.of(body)
    except ValidationError:
        raise InvalidArgument("not the body of a webhook", code="webhook_malformed") from None
    if webhook.environment is not None and webhook.environment != environment:
        log.warning("webhook.other_environment", environment=webhook.environment)
        return
    kept = {name: value for name, value in body.items() if name not in ("public_token", "public_tokens")}
    new = inbox.record(hashlib.sha256(delivery.encode()).hexdigest(), kept, now=clock.now())
    log.info("webhook.received", type=webhook.webhook_type, code=webhook.webhook_code, item_id=webhook.item_id, new=new)
    if webhook.effect is Effect.NONE or webhook.item_id is None:
        return
    connection = connections.find_by_item(webhook.item_id)
    if connection is None:
        log.info("webhook.unknown_item", item_id=webhook.item_id)
        return
    try:
        sync_by_event(
            connection.connection_id,
            only_if_incomplete=webhook.effect is Effect.SYNC_IF_INCOMPLETE,
            syncs=syncs,
            queue=queue,
            clock=clock,
        )
    except NotFound:
        log.info("webhook.late", connection_id=connection.connection_id)
