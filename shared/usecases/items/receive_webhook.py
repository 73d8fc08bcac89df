"""A webhook of Plaid's came in, and was verified: keep it, and see that what it asks for is done."""

import base64
import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from shared import trace
from shared.domain import grace_periods
from shared.domain.connection import BankConnection
from shared.domain.errors import NotFound
from shared.domain.status import is_revoked
from shared.domain.storable import make_storable
from shared.domain.webhook import AT_ONCE, Meaning, Webhook
from shared.log import log
from shared.ports import Clock, Connections, Delivery, Inbox, ParseWebhook, SyncQueue, Syncs, TaskFunction, Tasks
from shared.usecases.sync.request_sync import sync_by_event

# What is kept of a webhook that belongs to no connection, with which it would go: it may tell of a user, as those of
# Link's sessions do, and nobody could find it again to erase it. Nothing more is needed to know that it came.
NOBODYS = ("webhook_type", "webhook_code", "environment", "link_session_id")
SECRET = ("public_token", "public_tokens", "link_token", "new_webhook_url")  # kept of none
SIGNATURE_HALF = 32  # bytes, of ES256: https://www.rfc-editor.org/rfc/rfc7518#section-3.4


def receive_webhook(
    body: dict[str, Any],
    *,
    delivery: str,
    environment: str,
    parse: ParseWebhook,
    inbox: Inbox,
    connections: Connections,
    syncs: Syncs,
    queue: SyncQueue,
    tasks: Tasks,
    clock: Clock,
    linked: Callable[[Webhook], None],
    signed_at: datetime | None = None,
) -> None:
    """Records a verified webhook once, and acts on it or enqueues what acts. Unknown codes ask for nothing.

    What Plaid signed and is no webhook is logged, and that is all: it would be no other if it came again.

    Args:
        body: The parsed body.
        delivery: The signed token it came with. The same delivery twice is recorded once, whatever its bytes.
        environment: Our own Plaid environment; another's webhooks are none of our business.
        parse: Translates the body.
        inbox, connections, syncs, queue, tasks, clock: The outside.
        linked: Takes what users linked on a page of Plaid's out of a webhook.
        signed_at: When Plaid signed this delivery.

    Raises:
        Unavailable: It could not be kept or enqueued: Plaid is to send it again.
    """
    held, lost = make_storable(body)
    body = held or {}
    delivery_id = _delivery_id(delivery)
    if lost:
        log.warning("webhook.values_left_out", delivery_id=delivery_id, values=lost)
    try:
        webhook = parse(body)
    except ValueError:
        log.warning("webhook.malformed", delivery_id=delivery_id)
        return
    if webhook.environment is not None and webhook.environment != environment:
        log.warning("webhook.other_environment", environment=webhook.environment)
        return
    if not webhook.is_known:
        log.warning("webhook.unknown", type=webhook.webhook_type, code=webhook.webhook_code)
    if webhook.meaning is Meaning.LINKED:
        linked(webhook)
    # An item has one connection, but for some that were made before that was enforced: each of those is told.
    owners: Sequence[BankConnection | None] = [None]
    if webhook.item_id is not None and not (owners := connections.of_item(webhook.item_id)):
        # Removed, or not there yet: then its first sync is still to come. Nothing is kept of what is nobody's.
        log.info("webhook.unknown_item", item_id=webhook.item_id, code=webhook.webhook_code)
        return
    now = clock.now()
    at_once = webhook.meaning in AT_ONCE
    for connection in owners:
        asks = webhook.meaning not in (Meaning.NOTHING, Meaning.LINKED) and not at_once and connection is not None
        kept = Delivery(
            delivery_id=_one_of(delivery_id, connection) if len(owners) > 1 else delivery_id,
            body=_kept(body, is_nobodys=connection is None or webhook.is_of_link),
            received_at=now,
            connection_id=connection.connection_id if connection else None,
            due_at=now + grace_periods.TASK if asks else None,
            trace=trace.carried(),
        )
        new = inbox.record(kept)
        log.info(
            "webhook.received",
            type=webhook.webhook_type,
            code=webhook.webhook_code,
            item_id=webhook.item_id,
            connection_id=kept.connection_id,
            new=new,
            lag_seconds=max(0.0, (now - signed_at).total_seconds()) if signed_at else None,
        )
        if connection is None or is_revoked(connection):
            continue
        if connections.find(connection.connection_id) is None:
            # It was removed in this moment: what was kept may have come too late to be seen.
            inbox.forget(kept.delivery_id)
            continue
        if asks:
            tasks.add(TaskFunction.HANDLE_WEBHOOK, {"delivery_id": kept.delivery_id}, name=kept.delivery_id)
        elif at_once:
            sync_by_webhook(webhook, connection.connection_id, syncs=syncs, queue=queue, clock=clock)


def _delivery_id(delivery: str) -> str:
    """Names a delivery by the text that was signed and the signature's first half.

    The token can be sent again in other bytes: an ECDSA signature (r, s) has the second valid form (r, n - s), and
    base64 has spare bits. Both keep r, which is new in each signature: so two equal events within one second, such as a
    login that breaks, is repaired and breaks again, stay two deliveries.
    """
    signed_text, _, signature = delivery.rpartition(".")
    first_half = base64.urlsafe_b64decode(signature + "==")[:SIGNATURE_HALF] if signed_text else signature.encode()
    return hashlib.sha256(signed_text.encode() + b"." + first_half).hexdigest()


def _one_of(delivery_id: str, connection: BankConnection | None) -> str:
    """Names a delivery for one of several connections."""
    name = connection.connection_id if connection is not None else ""
    return hashlib.sha256(f"{delivery_id}:{name}".encode()).hexdigest()


def _kept(body: dict[str, Any], *, is_nobodys: bool) -> dict[str, Any]:
    if is_nobodys:
        return {name: body[name] for name in NOBODYS if isinstance(body.get(name), str)}
    return {name: value for name, value in body.items() if name not in SECRET}


def sync_by_webhook(webhook: Webhook, connection_id: str, *, syncs: Syncs, queue: SyncQueue, clock: Clock) -> None:
    """Does what a webhook of news asks for."""
    only_if_incomplete = webhook.meaning is Meaning.SYNC_IF_INCOMPLETE
    try:
        sync_by_event(connection_id, only_if_incomplete=only_if_incomplete, syncs=syncs, queue=queue, clock=clock)
    except NotFound:
        log.info("webhook.late", connection_id=connection_id)
