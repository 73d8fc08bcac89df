"""Handles the webhooks in the inbox. Idempotent; webhooks of one connection are handled in their order of arrival."""

from dataclasses import dataclass
from datetime import datetime

from shared.domain.webhook import AT_ONCE, WITHOUT_TASK, Meaning
from shared.log import log
from shared.ports import Clock, Delivery, Inbox, ParseWebhook
from shared.usecases.items.refresh_item_status import ItemStatusRefresh
from shared.usecases.products.request_products import ProductRequests
from shared.usecases.removal.remove_account import RemoveAccount
from shared.usecases.sync.request_sync import SyncRequests


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """The numbers of deliveries that a replay handled and skipped."""

    handled: int
    skipped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookHandler:
    """Handles deliveries; `item_status` reads the item at Plaid where the webhook alone is not reliable."""

    parse: ParseWebhook
    inbox: Inbox
    item_status: ItemStatusRefresh
    remove_account: RemoveAccount
    sync_requests: SyncRequests
    product_requests: ProductRequests
    clock: Clock

    def __call__(self, delivery_id: str) -> None:
        """Handles a delivery, after all unhandled deliveries of its connection that arrived earlier.

        Raises:
            ServiceError, Unavailable: Not possible now: deliver again.
        """
        delivery = self.inbox.find(delivery_id)
        if delivery is None or delivery.due_at is None or delivery.connection_id is None:
            return
        for waiting in self.inbox.waiting(delivery.connection_id):
            if waiting.received_at <= delivery.received_at:
                self.handle(waiting)

    def handle(self, delivery: Delivery) -> None:
        """Handles one delivery, even if it was handled before.

        Raises:
            ServiceError, Unavailable: Not possible now.
        """
        webhook, connection_id = self.parse(delivery.body), delivery.connection_id
        if connection_id is None:
            return
        match webhook.meaning:
            case Meaning.REVOKED:
                if webhook.error is None:
                    raise ValueError("a revocation without its error")  # parse_webhook always sets it
                self.item_status.revoke(connection_id, webhook.error, delivery_id=delivery.delivery_id)
            case Meaning.ACCOUNT_REVOKED:
                if webhook.account_id is not None:
                    self.remove_account(connection_id, webhook.account_id)
            case meaning if meaning in AT_ONCE:
                self.sync_requests.by_webhook(webhook, connection_id)
            case meaning if meaning in WITHOUT_TASK:
                self.product_requests.by_webhook(webhook, connection_id)
            case _:
                self.item_status.by_webhook(connection_id, webhook, delivery_id=delivery.delivery_id)
        if delivery.due_at is not None:
            self.inbox.settle(delivery.delivery_id)
            waited = (self.clock.now() - delivery.received_at).total_seconds()
            log.info("webhook.handled", connection_id=connection_id, code=webhook.webhook_code, lag_seconds=waited)

    def replay(
        self, since: datetime, *, connection_id: str | None = None, include_handled: bool = False
    ) -> ReplayResult:
        """Replays unhandled webhooks for an operator, in their order of arrival.

        Args:
            since: Only webhooks that arrived at this time or later.
            connection_id: Only webhooks of this connection.
            include_handled: Also replays handled webhooks: they take effect again, on current data. Revocations of
                accounts are skipped: their data is already deleted, and what is stored now was shared again since.

        Raises:
            ServiceError, Unavailable: The replay was interrupted; replay again.
        """
        handled = skipped = 0
        for delivery in self.inbox.since(since):
            if delivery.connection_id is None or connection_id not in (None, delivery.connection_id):
                continue
            if delivery.due_at is None and not (include_handled and self._is_repeatable(delivery)):
                skipped += 1
                continue
            self.handle(delivery)
            handled += 1
        return ReplayResult(handled=handled, skipped=skipped)

    def _is_repeatable(self, delivery: Delivery) -> bool:
        return self.parse(delivery.body).meaning is not Meaning.ACCOUNT_REVOKED
