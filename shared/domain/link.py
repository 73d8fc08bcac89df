"""Link's languages and products, and the checks of an app's options; market.py has the countries.

Source: https://plaid.com/docs/api/link/#linktokencreate. Plaid would reject invalid options, too, but only after a
call, and with a message about the backend's request instead of the app's.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlsplit

from shared.domain.connection import Action, BankConnection
from shared.domain.errors import InvalidArgument
from shared.domain.market import COUNTRIES, Market, has_product

LANGUAGES = frozenset(
    ["da", "nl", "en", "et", "fr", "de", "hi", "it", "lv", "lt", "no", "pl", "pt", "ro", "es", "sv", "vi"]
)
TRANSACTIONS = "transactions"
CONSENT_PRODUCTS = frozenset(["auth", "identity", "investments", "liabilities", TRANSACTIONS, "transfer"])
"""Products that can be added to an existing item once its user has consented in update mode.

Source: https://support.plaid.com/hc/en-us/articles/14976875990551 (how do I add a product to an existing item).
"""
PRODUCTS = CONSENT_PRODUCTS | {"assets", "investments_auth", "signal", "standing_orders"}
"""Products that a new item can be linked for: those that need no other options and no separate session."""

OPTIONAL_PRODUCTS = frozenset(["auth", "identity", "investments", "liabilities", "signal", TRANSACTIONS])
"""Products that Link can add where the bank and the accounts support them, without limiting the choice of banks.

Source: https://plaid.com/docs/link/initializing-products/
"""


@dataclass(frozen=True, slots=True)
class LinkProducts:
    """The products of a link token for a new bank. A product is in one list only, or Plaid refuses the request.

    Attributes:
        required: Only banks that support all of these are offered.
        required_if_supported: Added where the bank supports them; the user cannot refuse them.
        optional: Added where the bank supports them and the user allows them.
        consented: The user only allows them; Plaid bills them at the first call.
    """

    required: tuple[str, ...] = ()
    required_if_supported: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    consented: tuple[str, ...] = ()

    def with_consent(self, needed: Iterable[str]) -> Self:
        """Adds consent for needed products that no list has yet."""
        listed = {*self.required, *self.required_if_supported, *self.optional, *self.consented}
        more = tuple(product for product in dict.fromkeys(needed) if product not in listed)
        return replace(self, consented=(*self.consented, *more))

    def within(self, market: Market) -> Self:
        """Leaves out the products that Plaid does not offer in a market. Link needs at least one product."""
        lists = ("required", "required_if_supported", "optional", "consented")
        kept = {name: tuple(one for one in getattr(self, name) if has_product(market, one)) for name in lists}
        left = replace(self, **kept)
        return left if left.required else left.requiring((TRANSACTIONS,))

    def requiring(self, products: tuple[str, ...]) -> Self:
        """Requires other products instead; they leave the lists of optional ones."""
        return replace(
            self,
            required=products,
            required_if_supported=tuple(one for one in self.required_if_supported if one not in products),
            optional=tuple(one for one in self.optional if one not in products),
        )


@dataclass(frozen=True, slots=True)
class Remedy:
    """What update mode must offer to resolve a connection's problem."""

    account_selection: bool = False
    consent_products: tuple[str, ...] = ()


def remedy(connection: BankConnection) -> Remedy:
    """What a connection's problem needs besides the login, which update mode always requests.

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
    """The language in Link's form ("en-US" is "en"); None if Link does not support it."""
    spoken = wished.replace("_", "-").split("-")[0].lower() if isinstance(wished, str) else None
    return spoken if spoken in LANGUAGES else None


def usable_countries(wished: object) -> tuple[str, ...] | None:
    """The countries that Link supports; None if it supports none of them."""
    if not isinstance(wished, Iterable) or isinstance(wished, str):
        return None
    codes = (country.upper() for country in wished if isinstance(country, str))
    return tuple(dict.fromkeys(code for code in codes if code in COUNTRIES)) or None


def check_language(language: str) -> None:
    """Raises InvalidArgument for a language that Link does not support."""
    if language not in LANGUAGES:
        raise _unusable("language", f"use one of {', '.join(sorted(LANGUAGES))}")


def check_products(products: Iterable[str], *, updating: bool, allowed: Collection[str]) -> None:
    """Checks the products that an app requests, because Plaid bills by product.

    Args:
        products: The requested products.
        updating: Whether the request is for additional consent in update mode.
        allowed: The products that the operator allows.

    Raises:
        InvalidArgument: The operator does not allow a product, or Link does not support it.
    """
    possible = (CONSENT_PRODUCTS if updating else PRODUCTS).intersection(allowed)
    if not possible.issuperset(products):
        when = "in update mode" if updating else "for a new bank"
        raise _unusable("products", f"{when}, request only {', '.join(sorted(possible)) or 'none'}")


def check_return(redirect_uri: str | None, android_package_name: str | None, *, plain_http: bool) -> None:
    """Checks how the user returns from an OAuth bank: by URI on the web and on iOS, by package name on Android.

    Args:
        redirect_uri: The URI that the browser returns to. Plaid compares it with the URIs in its dashboard.
        android_package_name: The app that Android opens.
        plain_http: Whether the URI may be http, as in the Sandbox.

    Raises:
        InvalidArgument: An option is invalid, or both are set.
    """
    if redirect_uri is not None and android_package_name is not None:
        raise _unusable("redirect_uri", "send either redirect_uri or android_package_name, not both")
    if android_package_name is not None and not _PACKAGE.fullmatch(android_package_name):
        raise _unusable("android_package_name", "must be an application id such as com.example.app")
    if redirect_uri is not None:
        _check_redirect_uri(redirect_uri, schemes=("https", "http") if plain_http else ("https",))


def _check_redirect_uri(uri: str, *, schemes: tuple[str, ...]) -> None:
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _unusable("redirect_uri", "must be a URL") from None
    if parts.scheme not in schemes or not host or not uri.isprintable() or " " in uri:
        raise _unusable("redirect_uri", f"must be an {schemes[0]} URL")
    if "?" in uri or "#" in uri:
        raise _unusable("redirect_uri", "must have no query and no fragment")
    if "@" in parts.netloc:
        raise _unusable("redirect_uri", "must not contain a user name")


def _unusable(field: str, reason: str) -> InvalidArgument:
    return InvalidArgument(f"{field}: {reason}", code="invalid_input")
