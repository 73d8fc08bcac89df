"""Maps Plaid's items and institutions to domain values. A malformed optional value becomes None and is counted."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.adapters.plaid import transaction_mapping
from shared.adapters.plaid.errors import from_error_object
from shared.adapters.plaid.values import SHORT_TEXT, Oddities, optional_text, required_id
from shared.domain import storable
from shared.domain.institution import InstitutionInfo
from shared.log import log
from shared.ports import ItemFacts

LOGO = 400_000  # bytes: it is copied into every connection's document, which is limited to 1 MiB
MAX_LISTED = 200  # products or countries of one institution
ACCOUNT_REVOKED = "USER_ACCOUNT_REVOKED"  # https://plaid.com/docs/api/items/#user_account_revoked
MAX_REPORTED = 20  # fields in one log line


def item_facts(item: Mapping[str, Any], *, accounts: object = (), status: object = None) -> ItemFacts:
    """The facts of an item, and its accounts if the call returned them.

    Raises:
        ValueError, KeyError: The item has no usable id.
    """
    odd = Oddities()
    details = status if isinstance(status, Mapping) else {}
    transactions, webhook = _part(details, "transactions"), _part(details, "last_webhook")
    institution_id = item.get("institution_id")
    if institution_id is not None and not storable.is_document_id(institution_id):
        institution_id, odd["institution_id"] = None, 1
    error, sent_at = item.get("error"), _moment(webhook.get("sent_at"), "sent_at", odd)
    facts = ItemFacts(
        item_id=required_id(item["item_id"], "item_id"),
        institution_id=institution_id,
        institution_name=optional_text(item.get("institution_name"), "institution_name", odd, limit=SHORT_TEXT),
        webhook_url=optional_text(item.get("webhook"), "webhook", odd, limit=SHORT_TEXT) or None,
        consent_expiration_time=_moment(item.get("consent_expiration_time"), "consent_expiration_time", odd),
        accounts=transaction_mapping.accounts(accounts, odd),
        error=from_error_object(error) if isinstance(error, dict) else None,
        update_type=optional_text(item.get("update_type"), "update_type", odd, limit=SHORT_TEXT),
        auth_method=optional_text(item.get("auth_method"), "auth_method", odd, limit=SHORT_TEXT),
        last_update=_moment(transactions.get("last_successful_update"), "last_successful_update", odd),
        last_failed_update=_moment(transactions.get("last_failed_update"), "last_failed_update", odd),
        last_webhook=sent_at,
        account_revoked_at=sent_at if webhook.get("code_sent") == ACCOUNT_REVOKED else None,
    )
    log_oddities(odd, of="item")
    return facts


def institution_info(found: Mapping[str, Any], *, fetched_at: datetime) -> InstitutionInfo:
    """An institution; its id replaces an unusable name.

    Raises:
        ValueError, KeyError: The institution has no usable id.
    """
    odd = Oddities()
    institution_id = required_id(found["institution_id"], "institution_id")
    made = InstitutionInfo(
        institution_id=institution_id,
        name=optional_text(found.get("name"), "name", odd, limit=SHORT_TEXT) or institution_id,
        url=optional_text(found.get("url"), "url", odd, limit=SHORT_TEXT),
        logo=optional_text(found.get("logo"), "logo", odd, limit=LOGO),
        primary_color=optional_text(found.get("primary_color"), "primary_color", odd, limit=SHORT_TEXT),
        country_codes=_words(found.get("country_codes"), "country_codes", odd),
        products=_words(found.get("products"), "products", odd),
        oauth=found.get("oauth") is True,
        fetched_at=fetched_at,
    )
    log_oddities(odd, of="institution")
    return made


def log_oddities(odd: Mapping[str, int], *, of: str, request_id: str | None = None) -> None:
    """Logs how many values of each field were left out, in one line; never the values.

    Args:
        odd: The counts by field.
        of: The object: `transactions`, `item`, `institution`, `balances` or the kind of a product.
        request_id: Plaid's request id, which its support asks for.
    """
    fields = {name: count for name, count in odd.items() if count}
    if fields:
        few = dict(sorted(fields.items())[:MAX_REPORTED])
        log.warning("plaid.values_left_out", of=of, fields=few, request_id=request_id)


def _part(details: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = details.get(name)
    return part if isinstance(part, Mapping) else {}


def _moment(given: object, name: str, odd: Oddities) -> datetime | None:
    at = storable.moment(given)
    odd[name] += at is None and given is not None
    return at


def _words(given: object, name: str, odd: Oddities) -> tuple[str, ...]:
    listed = given if isinstance(given, list) else []
    words = [one for one in listed if isinstance(one, str) and storable.text(one, limit=SHORT_TEXT) is not None]
    odd[name] += (given is not None and listed is not given) + len(listed) - len(words[:MAX_LISTED])
    return tuple(words[:MAX_LISTED])
