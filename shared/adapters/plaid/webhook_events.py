"""Translates the codes of Plaid's webhooks: https://plaid.com/docs/api/webhooks/"""

from typing import Any

from shared.domain.connection import REVOKED_CODE
from shared.domain.errors import ErrorKind, ProviderError
from shared.domain.products.kinds import ProductKind
from shared.domain.storable import is_document_id
from shared.domain.webhook import Meaning, Webhook

MEANINGS = {
    ("TRANSACTIONS", "SYNC_UPDATES_AVAILABLE"): Meaning.SYNC,
    # Also sent for the older endpoint; useful only while the history is incomplete.
    ("TRANSACTIONS", "INITIAL_UPDATE"): Meaning.SYNC_IF_INCOMPLETE,
    ("TRANSACTIONS", "HISTORICAL_UPDATE"): Meaning.SYNC_IF_INCOMPLETE,
    # Plaid also sends SYNC_UPDATES_AVAILABLE for these changes.
    ("TRANSACTIONS", "DEFAULT_UPDATE"): Meaning.NOTHING,
    ("TRANSACTIONS", "TRANSACTIONS_REMOVED"): Meaning.NOTHING,
    ("TRANSACTIONS", "RECURRING_TRANSACTIONS_UPDATE"): Meaning.NOTHING,
    ("ITEM", "ERROR"): Meaning.LOGIN_ERROR,
    ("ITEM", "LOGIN_REPAIRED"): Meaning.LOGIN_REPAIRED,
    ("ITEM", "PENDING_EXPIRATION"): Meaning.EXPIRATION,
    ("ITEM", "PENDING_DISCONNECT"): Meaning.DISCONNECT,
    ("ITEM", "NEW_ACCOUNTS_AVAILABLE"): Meaning.NEW_ACCOUNTS,
    ("ITEM", "USER_PERMISSION_REVOKED"): Meaning.REVOKED,
    ("ITEM", "USER_ACCOUNT_REVOKED"): Meaning.ACCOUNT_REVOKED,
    ("ITEM", "WEBHOOK_UPDATE_ACKNOWLEDGED"): Meaning.NOTHING,
    # An alert that an operator has set up in Plaid's dashboard.
    ("DASHBOARD_CONFIGURED_ALERT", "INSTITUTION_STATUS_ALERT_TRIGGERED"): Meaning.INSTITUTION,
    ("LINK", "SESSION_FINISHED"): Meaning.LINKED,
    ("LINK", "ITEM_ADD_RESULT"): Meaning.LINKED,
    ("LINK", "EVENTS"): Meaning.NOTHING,
    # About products: see PRODUCT_UPDATES.
    ("HOLDINGS", "DEFAULT_UPDATE"): Meaning.NOTHING,
    ("INVESTMENTS_TRANSACTIONS", "DEFAULT_UPDATE"): Meaning.NOTHING,
    ("INVESTMENTS_TRANSACTIONS", "HISTORICAL_UPDATE"): Meaning.NOTHING,
    ("LIABILITIES", "DEFAULT_UPDATE"): Meaning.NOTHING,
}
PRODUCT_UPDATES: dict[tuple[str, str], ProductKind] = {
    ("TRANSACTIONS", "RECURRING_TRANSACTIONS_UPDATE"): ProductKind.RECURRING,
    ("LIABILITIES", "DEFAULT_UPDATE"): ProductKind.LIABILITIES,
    ("HOLDINGS", "DEFAULT_UPDATE"): ProductKind.HOLDINGS,
    ("INVESTMENTS_TRANSACTIONS", "DEFAULT_UPDATE"): ProductKind.INVESTMENT_TRANSACTIONS,
    ("INVESTMENTS_TRANSACTIONS", "HISTORICAL_UPDATE"): ProductKind.INVESTMENT_TRANSACTIONS,  # after `async_update`
}
"""The product that has new data. Sources: the pages of the products below https://plaid.com/docs/api/products/."""

_FIELDS = ("webhook_type", "webhook_code", "environment", "item_id")
_LINK = "LINK"
_REVOKED = ProviderError(
    "the user withdrew the permission: link the bank again",
    kind=ErrorKind.PERMISSION_REVOKED,
    error_type="ITEM_ERROR",
    error_code=REVOKED_CODE,
)


def parse_webhook(body: dict[str, Any]) -> Webhook:
    """The webhook of a parsed body, as received or as stored in the inbox.

    Raises:
        ValueError: Type or code is missing or not a string.
    """
    webhook = Webhook.model_validate({name: body[name] for name in _FIELDS if name in body} | {"body": body})
    event = (webhook.webhook_type, webhook.webhook_code)
    meaning = MEANINGS.get(event, Meaning.NOTHING)
    translated = {
        "meaning": meaning,
        "is_known": event in MEANINGS,
        "is_of_link": webhook.webhook_type == _LINK,
        "institution_id": body["institution_id"] if is_document_id(body.get("institution_id")) else None,
        "product": PRODUCT_UPDATES.get(event),
        "error": _REVOKED if meaning is Meaning.REVOKED else None,
    }
    return webhook.model_copy(update=translated)
