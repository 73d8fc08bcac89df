"""Webhooks that are lost, late, doubled, out of order, unknown or forged."""

from __future__ import annotations

import random
from typing import Any

from emulators.plaid import announcements
from emulators.plaid.control import items as control
from emulators.plaid.faults import WebhookFault
from emulators.plaid.items import Item
from tests.simulation.actions import action
from tests.simulation.actions.banks import some_item
from tests.simulation.scenario import Event
from tests.simulation.world import World

CODES = ("SYNC_UPDATES_AVAILABLE", "ERROR", "LOGIN_REPAIRED", "HISTORICAL_UPDATE", "USER_PERMISSION_REVOKED", None)
FORGED = ("wrong_signature", "altered_body", "unknown_kid", "old_iat")
LATE = (2.0, 60.0, 3_600.0, 20_000.0, 86_400.0, 1.5 * 86_400)  # seconds
UNKNOWN: tuple[dict[str, Any], ...] = (
    {"webhook_type": "TRANSACTIONS", "webhook_code": "A_NEW_CODE"},
    {"webhook_type": "A_NEW_TYPE", "webhook_code": "ERROR"},
    {"webhook_type": "ITEM", "webhook_code": "WEBHOOK_UPDATE_ACKNOWLEDGED", "new_webhook_url": 7},
    {"webhook_type": "ITEM", "webhook_code": "ERROR"},
    {"webhook_type": "ITEM", "webhook_code": "ERROR", "error": None},
    {"webhook_type": "ITEM", "webhook_code": "ERROR", "error": ["odd"]},
    {
        "webhook_type": "ITEM",
        "webhook_code": "ERROR",
        "error": {"error_type": "ITEM_ERROR", "error_code": "A_NEW_CODE"},
    },
    {"webhook_type": "ITEM", "webhook_code": "PENDING_EXPIRATION", "consent_expiration_time": "soon"},
    {"webhook_type": "ITEM", "webhook_code": "USER_ACCOUNT_REVOKED", "account_id": 5},
    {"webhook_type": "LINK", "webhook_code": "SESSION_FINISHED", "public_tokens": "none"},
    {"webhook_type": "TRANSACTIONS", "webhook_code": "TRANSACTIONS_REMOVED", "removed_transactions": None},
    {"webhook_type": "HOLDINGS", "webhook_code": "DEFAULT_UPDATE"},
)


@action("webhooks_astray", per_year=25)
def webhooks_astray(world: World, event: Event) -> None:
    """The next webhooks, of an item or of everyone, are lost, late, doubled or out of order."""
    chance = event.chance()
    item = some_item(world, event, chance) if chance.random() < 0.7 else None
    fault = WebhookFault(
        mode=chance.choice(("drop", "drop", "delay", "duplicate", "reorder", "old_iat", "altered_body", "unknown_kid")),
        webhook_code=chance.choice(CODES),
        item_id=item.item_id if item is not None else None,
        times=chance.choice((1, 2, 5)),
        seconds=chance.choice(LATE),
    )
    world.plaid.world.webhook_faults.rules.append(fault)


@action("webhook_again", per_year=6)
def webhook_again(world: World, event: Event) -> None:
    """Plaid sends an old webhook again, with a new signature: by now it is out of date."""
    chance = event.chance()
    item = some_item(world, event, chance)
    sent = [one for one in world.plaid.webhooks.log if item is not None and one.item_id == item.item_id]
    sent = [one for one in sent if one.mode not in FORGED]
    if item is not None and item.webhook and sent:
        world.plaid.webhooks.post(item.webhook, chance.choice(sent[-20:]).body, item.item_id)


@action("webhook_unknown", per_year=6)
def webhook_unknown(world: World, event: Event) -> None:
    """Plaid sends a code that the backend does not know, or a body that its documentation does not allow."""
    chance = event.chance()
    item = some_item(world, event, chance)
    if item is not None:
        world.plaid.control(control.send_webhook, item, **chance.choice(UNKNOWN))


@action("webhook_forged", per_year=6)
def webhook_forged(world: World, event: Event) -> None:
    """A sender without Plaid's key sends a webhook: it changes nothing."""
    chance = event.chance()
    item = some_item(world, event, chance)
    if item is None or not item.webhook:
        return
    body = {"item_id": item.item_id, **_lie(item, chance)}
    mode = chance.choice(FORGED)
    forged = WebhookFault(mode=mode, item_id=item.item_id, webhook_code=body["webhook_code"])
    world.plaid.world.webhook_faults.rules.insert(0, forged)
    world.plaid.webhooks.post(item.webhook, body, item.item_id)


def _lie(item: Item, chance: random.Random) -> dict[str, Any]:
    account_id = item.accounts[0].account_id if item.accounts else "none"
    return chance.choice(
        (
            announcements.user_permission_revoked(),
            announcements.item_error("ITEM_LOGIN_REQUIRED", None),
            announcements.user_account_revoked(account_id),
            announcements.login_repaired(),
            announcements.new_accounts_available(),
        )
    )


@action("webhook_mistaken", per_year=4)
def webhook_mistaken(world: World, event: Event) -> None:
    """Plaid itself announces what is not so (any more): what its API answers counts."""
    chance = event.chance()
    item = some_item(world, event, chance)
    if item is not None:
        news = chance.choice(
            (
                announcements.item_error("ITEM_LOGIN_REQUIRED", None),
                announcements.login_repaired(),
                announcements.new_accounts_available(),
                announcements.transactions_removed(["unknown"]),
                announcements.sync_updates_available(item.readiness),
            )
        )
        world.plaid.webhooks.send(item, news)


@action("keys_rotated", per_year=2)
def keys_rotated(world: World, event: Event) -> None:
    """Plaid signs with a new key from now on."""
    world.plaid.world.keys.rotate()
