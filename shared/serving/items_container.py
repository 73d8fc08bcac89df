"""Typed factories of the use cases of items, built on `container.py`."""

from typing import TYPE_CHECKING

from shared.serving import (
    container,
    linking_container,
    products_container,
    removal_container,
    sync_container,
    tokens_container,
)

if TYPE_CHECKING:
    from shared.domain.webhook import Webhook
    from shared.usecases.items.daily_checks import DailyChecks
    from shared.usecases.items.handle_webhook import WebhookHandler
    from shared.usecases.items.receive_webhook import ReceiveWebhook
    from shared.usecases.items.reconcile_after_restore import RestoreReconciliation
    from shared.usecases.items.refresh_balances import RefreshBalances
    from shared.usecases.items.sweep_inbox import SweepInbox


def receive_webhook() -> "ReceiveWebhook":
    """Receives Plaid's webhooks."""
    from shared.usecases.items.receive_webhook import ReceiveWebhook

    return ReceiveWebhook(
        parse=container.parse_webhook(),
        inbox=container.inbox(),
        connections=container.connections(),
        sync_requests=sync_container.sync_requests(),
        product_requests=products_container.product_requests(),
        tasks=container.tasks(),
        clock=container.clock(),
        environment=container.settings().plaid_env,
        receive_link_webhook=_receive_link_webhook,
    )


def _receive_link_webhook(webhook: "Webhook") -> None:
    """Creates the vault on the first webhook of a Link session, because only those need it."""
    linking_container.receive_link_webhook()(webhook)


def webhook_handler() -> "WebhookHandler":
    """Handles the webhooks in the inbox."""
    from shared.usecases.items.handle_webhook import WebhookHandler

    return WebhookHandler(
        parse=container.parse_webhook(),
        inbox=container.inbox(),
        item_status=container.item_status_refresh(),
        remove_account=removal_container.remove_account(),
        sync_requests=sync_container.sync_requests(),
        product_requests=products_container.product_requests(),
        clock=container.clock(),
    )


def sweep_inbox() -> "SweepInbox":
    """Enqueues unhandled webhooks again."""
    from shared.usecases.items.sweep_inbox import SweepInbox

    return SweepInbox(inbox=container.inbox(), tasks=container.tasks(), clock=container.clock())


def daily_checks() -> "DailyChecks":
    """Checks every connection, once a day."""
    from shared.usecases.items.daily_checks import DailyChecks

    return DailyChecks(
        connections=container.connections(),
        tasks=container.tasks(),
        erase_missing_owners=removal_container.erase_missing_owners(),
    )


def refresh_balances() -> "RefreshBalances":
    """Reads balances at the bank while a user waits."""
    from shared.usecases.items.refresh_balances import RefreshBalances

    return RefreshBalances(
        connections=container.connections(),
        syncs=container.syncs(),
        paused=container.recently_paused(),
        plaid=container.plaid_products(),
        access_tokens=tokens_container.access_tokens(),
        item_status=container.item_status_refresh(),
        tasks=container.tasks(),
        budgets=container.budgets(),
        ceilings=container.settings().live_balance_ceilings,
        clock=container.clock(),
    )


def restore_reconciliation() -> "RestoreReconciliation":
    """Reconciles connections with Plaid after a restore."""
    from shared.usecases.items.reconcile_after_restore import RestoreReconciliation

    return RestoreReconciliation(
        connections=container.connections(),
        syncs=container.syncs(),
        plaid=container.plaid(),
        access_tokens=tokens_container.access_tokens(),
        item_status=container.item_status_refresh(),
        sync_requests=sync_container.sync_requests(),
        connection_remover=removal_container.connection_remover(),
        status_events=container.status_events(),
        clock=container.clock(),
    )
