"""Enriches a raw description: the merchant, the counterparties and the category that it names.

Source: plaid.com/docs/api/products/enrich (the fields of `enrichments`). Known merchants are those of the generated
histories and a few more; of other descriptions the name is cleaned, and the category is guessed from its words.
"""

# ruff: noqa: E501 - a table whose rows are long

import re
from dataclasses import replace
from functools import cache
from typing import Any

from emulators.plaid import categories, merchants
from emulators.plaid.merchants import Merchant
from emulators.plaid.wire import words

Json = dict[str, Any]
_LOCATION = ("address", "city", "region", "postal_code", "country", "lat", "lon", "store_number")
_MORE = (
    Merchant("WM SUPERCENTER", "Walmart", "GENERAL_MERCHANDISE_SUPERSTORES", website="walmart.com"),
    Merchant("AMAZON.COM", "Amazon", "GENERAL_MERCHANDISE_ONLINE_MARKETPLACES", "online", website="amazon.com"),
    Merchant("DOORDASH", "DoorDash", "FOOD_AND_DRINK_RESTAURANT", "online", website="doordash.com", kind="marketplace"),
    Merchant("FAMILY DOLLAR", "Family Dollar", "GENERAL_MERCHANDISE_DISCOUNT_STORES", website="familydollar.com"),
    Merchant("FRESHBOOKS", "FreshBooks", "GENERAL_SERVICES_ACCOUNTING_AND_FINANCIAL_PLANNING", "online", website="freshbooks.com"),
    Merchant("EARNIN", "EarnIn", "LOAN_DISBURSEMENTS_OTHER_DISBURSEMENT", "online", website="earnin.com", kind="financial_institution"),
    Merchant("UBER", "Uber", "TRANSPORTATION_TAXIS_AND_RIDE_SHARES", "online", website="uber.com"),
)  # fmt: skip
_TERMINALS = {
    "TST": Merchant("TST", "Toast", "OTHER_OTHER", website="toasttab.com", kind="payment_terminal"),
    "SQ": Merchant("SQ", "Square", "OTHER_OTHER", website="squareup.com", kind="payment_terminal"),
    "PAYPAL": Merchant("PAYPAL", "PayPal", "OTHER_OTHER", "online", website="paypal.com", kind="payment_app"),
    "GOOGLE": Merchant("GOOGLE", "Google", "OTHER_OTHER", "online", website="google.com", kind="marketplace"),
}
_GUESSES = (
    ("FOOD_AND_DRINK_COFFEE", words("coffee espresso roasters")),
    ("FOOD_AND_DRINK_RESTAURANT", words("bagels restaurant cafe grill pizza burger deli kitchen taqueria")),
    ("FOOD_AND_DRINK_GROCERIES", words("grocery groceries market supermarket")),
    ("TRANSPORTATION_GAS", words("gas fuel petrol")),
    ("MEDICAL_PHARMACIES_AND_SUPPLEMENTS", words("pharmacy drug")),
    ("TRAVEL_FLIGHTS", words("airlines airways air")),
    ("INCOME_WAGES", words("payroll salary")),
)
_NOISE = set(words("purchase pos debit card direct dep deposit payment recurring online ach pmt visa des id dda"))
_BY_DIRECTION = {"INFLOW": "TRANSFER_IN_ACCOUNT_TRANSFER", "OUTFLOW": "OTHER_OTHER"}
_STORE = re.compile(r"#\s*(\d{2,6})\b")
_CHECK = re.compile(r"(?i)\bcheck\s*#?\s*(\d{2,8})\b")


@cache
def _known() -> list[tuple[str, Merchant]]:
    """The known merchants, each with the words that name it, the longest first."""
    histories = (*merchants.EVERYDAY, *merchants.SUBSCRIPTIONS.values(), merchants.SALARY, merchants.INTEREST)
    named = [merchant for merchant in (*histories, *_MORE) if merchant.name and merchant.low >= 0]
    keys = [(_plain(merchant.booking.replace("{n}", "")), merchant) for merchant in named]
    keys += [(_plain(str(merchant.name)), merchant) for merchant in named]
    return sorted(dict(reversed(keys)).items(), key=lambda pair: -len(pair[0]))


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


def enrich(description: str, direction: str, location: Json, *, version: str, legacy: bool) -> Json:
    """The `enrichments` object of a transaction."""
    processor, rest = _split(description)
    merchant, confidence = _merchant(rest, direction)
    found = merchant.enrichment(confidence)
    counterparties = [*found["counterparties"], *(processor.enrichment()["counterparties"] if processor else [])]
    store, check = _STORE.search(description), _CHECK.search(description)
    answer = {
        "check_number": check[1] if check else None,
        "counterparties": [{**counterparty, "phone_number": None} for counterparty in counterparties],
        "entity_id": found["merchant_entity_id"],
        "location": {**dict.fromkeys(_LOCATION), **location, "store_number": store[1] if store else None},
        "logo_url": found["logo_url"],
        "merchant_name": merchant.name,
        "payment_channel": found["payment_channel"],
        "personal_finance_category": {**found["personal_finance_category"], "version": version},
        "personal_finance_category_icon_url": found["personal_finance_category_icon_url"],
        "phone_number": None,
        "website": found["website"],
    }
    return {**answer, **_legacy(merchant.category)} if legacy else answer


def _legacy(detailed: str) -> Json:
    category = categories.legacy_category(detailed)
    return {
        "legacy_category": category.hierarchy if category else None,
        "legacy_category_id": category.category_id if category else None,
    }


def _split(description: str) -> tuple[Merchant | None, str]:
    """The payment processor before a `*`, if any, and the rest of the description."""
    head, star, rest = description.partition("*")
    processor = _TERMINALS.get(head.strip().upper()) if star else None
    return (processor, rest) if processor else (None, description)


def _merchant(text: str, direction: str) -> tuple[Merchant, str]:
    """The merchant, and the confidence of the answer."""
    padded = f" {_plain(text)} "
    for key, merchant in _known():
        if f" {key} " in padded:
            paid = direction == "INFLOW" and merchant.kind == "merchant" and _is_wage(padded)
            return (replace(merchant, category="INCOME_WAGES", kind="income_source") if paid else merchant), "VERY_HIGH"
    if _CHECK.search(text):
        return Merchant(text, None, "OTHER_OTHER", "other"), "LOW"
    name = _clean(text)
    category = next((category for category, hints in _GUESSES if set(hints) & set(padded.split())), None)
    confidence = "MEDIUM" if category else "LOW"
    channel = "online" if ".com" in text.lower() else "in store" if category else "other"
    return Merchant(text, name, category or _BY_DIRECTION[direction], channel), confidence


def _is_wage(padded: str) -> bool:
    return any(hint in padded for hint in (" payroll ", " salary ", " direct dep "))


def _clean(text: str) -> str | None:
    """The name in a description: without numbers, masks and the words of the payment."""
    kept = [
        word
        for word in re.findall(r"[^\W\d_]+(?:['&.-][^\W\d_]+)*", text)
        if word.casefold() not in _NOISE and not re.fullmatch(r"(?i)(card)?x{2,}", word)
    ]
    return " ".join(word.capitalize() if word.isupper() else word for word in kept) or None
