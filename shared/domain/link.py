"""What Link speaks, where it works, and what it may be asked for.

Source: https://plaid.com/docs/api/link/#linktokencreate. Plaid would refuse the rest as well, but with words about our
request instead of the app's, and after a call.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.domain.connection import Action, BankConnection
from shared.domain.errors import InvalidArgument

LANGUAGES = frozenset(
    ["da", "nl", "en", "et", "fr", "de", "hi", "it", "lv", "lt", "no", "pl", "pt", "ro", "es", "sv", "vi"]
)
COUNTRIES = frozenset(
    [
        "US",
        "GB",
        "ES",
        "NL",
        "FR",
        "IE",
        "CA",
        "DE",
        "IT",
        "PL",
        "DK",
        "NO",
        "SE",
        "EE",
        "LT",
        "LV",
        "PT",
        "BE",
        "AT",
        "FI",
    ]
)
ACCOUNT_SELECTION_COUNTRIES = frozenset(["US", "CA"])
"""Where users can choose accounts anew in update mode: https://plaid.com/docs/link/update-mode/"""

TRANSACTIONS = "transactions"
CONSENT_PRODUCTS = frozenset(["auth", "identity", "investments", "liabilities", TRANSACTIONS, "transfer"])
"""What an item can get after it was linked, once its user has consented in update mode.

Source: https://support.plaid.com/hc/en-us/articles/14976875990551 (how do I add a product to an existing item).
"""
PRODUCTS = CONSENT_PRODUCTS | {"assets", "investments_auth", "signal", "standing_orders"}
"""What a new item can be linked for: the products that need nothing else in the request, nor a session of their own."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """What update mode must offer, so that it resolves a connection's problem."""

    account_selection: bool = False
    consent_products: tuple[str, ...] = ()


def remedy(connection: BankConnection) -> Remedy:
    """What a connection's problem needs besides the login, which is what update mode always asks for.

    Sources: https://plaid.com/docs/errors/invalid-input/#additional_consent_required and
    https://plaid.com/docs/link/update-mode/.
    """
    return Remedy(
        account_selection=connection.action is Action.SELECT_ACCOUNTS,
        consent_products=(TRANSACTIONS,) if connection.lacks_consent else (),
    )


_PACKAGE = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)+", re.ASCII)
# https://developer.android.com/build/configure-app-module#set-application-id


def usable_language(wished: object) -> str | None:
    """The language as Link knows it ("en-US" is "en"), or None if it does not."""
    spoken = wished.replace("_", "-").split("-")[0].lower() if isinstance(wished, str) else None
    return spoken if spoken in LANGUAGES else None


def usable_countries(wished: object) -> tuple[str, ...] | None:
    """Those of the countries in which Link works, or None if there are none."""
    if not isinstance(wished, Iterable) or isinstance(wished, str):
        return None
    codes = (country.upper() for country in wished if isinstance(country, str))
    return tuple(dict.fromkeys(code for code in codes if code in COUNTRIES)) or None


def check_language(language: str) -> None:
    """Raises InvalidArgument for one that Link does not speak."""
    if language not in LANGUAGES:
        raise _unusable("language", f"Link speaks {', '.join(sorted(LANGUAGES))}")


def check_countries(country_codes: Iterable[str]) -> None:
    """Raises InvalidArgument if Link does not work in one of them."""
    if not COUNTRIES.issuperset(country_codes):
        raise _unusable("country_codes", f"Link works in {', '.join(sorted(COUNTRIES))}")


def check_products(products: Iterable[str], *, updating: bool, allowed: Collection[str]) -> None:
    """Checks what an app asks for, as Plaid bills by product.

    Args:
        products: What the app asks for.
        updating: Whether it asks in update mode, for additional consent.
        allowed: What the operator lets apps ask for.

    Raises:
        InvalidArgument: The operator does not allow a product, or no link token can be asked for it.
    """
    possible = (CONSENT_PRODUCTS if updating else PRODUCTS).intersection(allowed)
    if not possible.issuperset(products):
        when = "in update mode, consent can be asked for" if updating else "a bank can be linked for"
        raise _unusable("products", f"{when} {', '.join(sorted(possible)) or 'nothing more here'}")


def check_return(redirect_uri: str | None, android_package_name: str | None, *, plain_http: bool) -> None:
    """How a user comes back from an OAuth bank: by an address on the web and on iOS, by the package's name on Android.

    Args:
        redirect_uri: Where a browser is sent. Plaid compares it with those in its dashboard.
        android_package_name: Which app is opened.
        plain_http: Whether the address may be http, as in the Sandbox.

    Raises:
        InvalidArgument: One cannot be used, or there are both.
    """
    if redirect_uri is not None and android_package_name is not None:
        raise _unusable("redirect_uri", "with an android_package_name there is none")
    if android_package_name is not None and not _PACKAGE.fullmatch(android_package_name):
        raise _unusable("android_package_name", "must be an application id such as com.example.app")
    if redirect_uri is not None:
        _check_redirect_uri(redirect_uri, schemes=("https", "http") if plain_http else ("https",))


def _check_redirect_uri(uri: str, *, schemes: tuple[str, ...]) -> None:
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _unusable("redirect_uri", "must be an address") from None
    if parts.scheme not in schemes or not host or not uri.isprintable() or " " in uri:
        raise _unusable("redirect_uri", f"must be an {schemes[0]} address")
    if "?" in uri or "#" in uri:
        raise _unusable("redirect_uri", "must have no query and no fragment")
    if "@" in parts.netloc:
        raise _unusable("redirect_uri", "must have no user in it")


def _unusable(field: str, reason: str) -> InvalidArgument:
    return InvalidArgument(f"{field}: {reason}", code="invalid_input")
