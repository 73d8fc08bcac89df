"""Does what a webhook in the inbox asks for. Twice is harmless; of one connection's, the first to come is first."""

from dataclasses import dataclass
from datetime import datetime

from shared.domain.webhook import AT_ONCE, Meaning
from shared.log import log
from shared.ports import Clock, Delivery, Inbox, ParseWebhook
from shared.usecases.items.receive_webhook import sync_by_webhook
from shared.usecases.items.refresh_item_status import ItemStatusRefresh
from shared.usecases.removal.remove_account import remove_account


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many deliveries were handled, and how many left as they are."""

    handled: int
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookHandler:
    """Handles deliveries; `check` reads the item at Plaid where that can tell more than the webhook."""

    parse: ParseWebhook
    inbox: Inbox
    check: ItemStatusRefresh
    clock: Clock

    def __call__(self, delivery_id: str) -> None:
        """Handles a delivery, and before it whatever else of its connection has waited longer.

        Raises:
            ProviderError, Unavailable: Not now: deliver again.
        """
        delivery = self.inbox.find(delivery_id)
        if delivery is None or delivery.due_at is None or delivery.connection_id is None:
            return
        for waiting in self.inbox.waiting(delivery.connection_id):
            if waiting.received_at <= delivery.received_at:
                self.handle(waiting)

    def handle(self, delivery: Delivery) -> None:
        """Handles one delivery, settled or not.

        Raises:
            ProviderError, Unavailable: Not now.
        """
        webhook, connection_id = self.parse(delivery.body), delivery.connection_id
        if connection_id is None:
            return
        match webhook.meaning:
            case Meaning.REVOKED if webhook.error is not None:
                self.check.revoke(connection_id, webhook.error, delivery_id=delivery.delivery_id)
            case Meaning.ACCOUNT_REVOKED:
                if webhook.account_id is not None:
                    remove_account(
                        connection_id,
                        webhook.account_id,
                        connections=self.check.connections,
                        syncs=self.check.syncs,
                        status_events=self.check.status_events,
                        clock=self.clock,
                    )
            case meaning if meaning in AT_ONCE:
                check = self.check
                sync_by_webhook(webhook, connection_id, syncs=check.syncs, queue=check.queue, clock=self.clock)
            case Meaning.NOTHING | Meaning.LINKED:
                pass
            case _:
                self.check.by_webhook(connection_id, webhook, delivery_id=delivery.delivery_id)
        if delivery.due_at is not None:
            self.inbox.settle(delivery.delivery_id)
            waited = (self.clock.now() - delivery.received_at).total_seconds()
            log.info("webhook.handled", connection_id=connection_id, code=webhook.webhook_code, lag_seconds=waited)

    def replay(self, since: datetime, *, connection_id: str | None = None, settled: bool = False) -> Replayed:
        """An operator's: what came since and was not handled, in its order.

        Args:
            since: From when on.
            connection_id: Only of this one.
            settled: And what was handled, too: it has its effect again, on what is there by now. Not so an account's
                revocation: what was taken away is gone, and what is there was shared since.

        Raises:
            ProviderError, Unavailable: It broke off; replay again.
        """
        handled = left_out = 0
        for delivery in self.inbox.since(since):
            if delivery.connection_id is None or connection_id not in (None, delivery.connection_id):
                continue
            if delivery.due_at is None and not (settled and self._may_come_again(delivery)):
                left_out += 1
                continue
            self.handle(delivery)
            handled += 1
        return Replayed(handled=handled, left_out=left_out)

    def _may_come_again(self, delivery: Delivery) -> bool:
        return self.parse(delivery.body).meaning is not Meaning.ACCOUNT_REVOKED
