"""Records a verified webhook from Plaid, and enqueues its handling."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared import trace
from shared.domain import grace_periods
from shared.domain.connection import BankConnection
from shared.domain.status import is_revoked
from shared.domain.storable import make_storable
from shared.domain.webhook import AT_ONCE, WITHOUT_TASK, Meaning, Webhook
from shared.log import log
from shared.ports import Clock, Connections, Delivery, Inbox, ParseWebhook, TaskFunction, Tasks
from shared.usecases.enqueue import enqueue_judgement
from shared.usecases.products.request_products import ProductRequests
from shared.usecases.sync.request_sync import SyncRequests


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A delivered webhook of this backend's environment."""

    webhook: Webhook
    body: dict[str, Any]
    delivery_id: str
    received_at: datetime
    lag_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveWebhook:
    """Records each verified webhook once, and handles it or enqueues its handling.

    Attributes:
        parse: Translates the body.
        sync_requests: Requests a sync after a webhook about new data.
        product_requests: Requests a product's sync after a webhook about it.
        environment: This backend's Plaid environment; webhooks of other environments are ignored.
        receive_link_webhook: Handles the webhook of a Hosted Link session.
    """

    parse: ParseWebhook
    inbox: Inbox
    connections: Connections
    sync_requests: SyncRequests
    product_requests: ProductRequests
    tasks: Tasks
    clock: Clock
    environment: str
    receive_link_webhook: Callable[[Webhook], None]

    def __call__(self, body: dict[str, Any], *, delivery_id: str, signed_at: datetime | None = None) -> None:
        """Receives one delivery. Webhooks with unknown codes are only recorded.

        A signed body that is no webhook is only logged, since a second delivery would be the same.

        Args:
            body: The parsed body.
            delivery_id: Identifies the delivery; each id is recorded once.
            signed_at: When Plaid signed this delivery.

        Raises:
            Unavailable: The webhook could not be stored or enqueued: Plaid must send it again.
        """
        arrival = self._parse(body, delivery_id, signed_at)
        if arrival is None:
            return
        webhook = arrival.webhook
        if webhook.meaning is Meaning.LINKED:
            self.receive_link_webhook(webhook)
        if webhook.meaning is Meaning.INSTITUTION and webhook.institution_id is not None:
            enqueue_judgement(self.tasks, webhook.institution_id, at=arrival.received_at)
        if webhook.item_id is None:
            self._record(arrival, None, delivery_id=arrival.delivery_id)
            return
        connections = self.connections.of_item(webhook.item_id)
        if not connections:
            # The connection was removed, or is not stored yet: then its first sync is still to come. Without an owner,
            # nothing is recorded.
            log.info("webhook.unknown_item", item_id=webhook.item_id, code=webhook.webhook_code)
        # An item has one connection, except for items linked before that was enforced: each of them is notified.
        for connection in connections:
            several = len(connections) > 1
            self._deliver(arrival, connection, _id_for(arrival, connection) if several else arrival.delivery_id)

    def _parse(self, body: dict[str, Any], delivery_id: str, signed_at: datetime | None) -> _Arrival | None:
        """The webhook in a body; None if it is malformed, or belongs to another environment."""
        storable, lost = make_storable(body)
        body = storable or {}
        if lost:
            log.warning("webhook.values_left_out", delivery_id=delivery_id, values=lost)
        try:
            webhook = self.parse(body)
        except ValueError:
            log.warning("webhook.malformed", delivery_id=delivery_id)
            return None
        if webhook.environment is not None and webhook.environment != self.environment:
            log.warning("webhook.other_environment", environment=webhook.environment)
            return None
        if not webhook.is_known:
            log.warning("webhook.unknown", type=webhook.webhook_type, code=webhook.webhook_code)
        now = self.clock.now()
        lag = max(0.0, (now - signed_at).total_seconds()) if signed_at else None
        return _Arrival(webhook, body, delivery_id, now, lag)

    def _deliver(self, arrival: _Arrival, connection: BankConnection, delivery_id: str) -> None:
        """Records a webhook for a connection, and starts its handling."""
        webhook, connection_id = arrival.webhook, connection.connection_id
        needs_task = webhook.meaning not in (*WITHOUT_TASK, *AT_ONCE)
        due_at = arrival.received_at + grace_periods.TASK if needs_task else None
        self._record(arrival, connection_id, delivery_id=delivery_id, due_at=due_at)
        if is_revoked(connection):
            return
        if self.connections.find(connection_id) is None:
            # The connection was removed at this moment: the removal may have missed the delivery recorded after it.
            self.inbox.forget(delivery_id)
        elif needs_task:
            self.tasks.add(TaskFunction.HANDLE_WEBHOOK, {"delivery_id": delivery_id}, name=delivery_id)
        elif webhook.meaning in AT_ONCE:
            self.sync_requests.by_webhook(webhook, connection_id)
        else:
            self.product_requests.by_webhook(webhook, connection_id)

    def _record(
        self, arrival: _Arrival, connection_id: str | None, *, delivery_id: str, due_at: datetime | None = None
    ) -> None:
        webhook = arrival.webhook
        new = self.inbox.record(
            Delivery(
                delivery_id=delivery_id,
                body=arrival.webhook.stored(arrival.body, with_connection=connection_id is not None),
                received_at=arrival.received_at,
                connection_id=connection_id,
                due_at=due_at,
                trace=trace.carried(),
            )
        )
        log.info(
            "webhook.received",
            type=webhook.webhook_type,
            code=webhook.webhook_code,
            item_id=webhook.item_id,
            connection_id=connection_id,
            new=new,
            lag_seconds=arrival.lag_seconds,
        )


def _id_for(arrival: _Arrival, connection: BankConnection) -> str:
    """The delivery id for one of several connections."""
    return hashlib.sha256(f"{arrival.delivery_id}:{connection.connection_id}".encode()).hexdigest()
