"""The markets of Plaid: which countries one Link session may combine, and which products each market has.

Link uses "only products that you are enabled for in all countries"
(https://plaid.com/docs/api/link/#link-token-create-request-country-codes), so a session for countries of several
markets would silently lose products. Each session is for one market.
"""

from collections.abc import Iterable
from enum import StrEnum

from shared.domain.errors import InvalidArgument


class Market(StrEnum):
    """Countries with the same rules: products, account selection, consent by product, announcements."""

    NORTH_AMERICA = "north_america"
    UNITED_KINGDOM = "united_kingdom"
    EUROPE = "europe"


COUNTRIES_OF: dict[Market, frozenset[str]] = {
    Market.NORTH_AMERICA: frozenset(["US", "CA"]),
    Market.UNITED_KINGDOM: frozenset(["GB"]),
    Market.EUROPE: frozenset(
        ["ES", "NL", "FR", "IE", "DE", "IT", "PL", "DK", "NO", "SE", "EE", "LT", "LV", "PT", "BE", "AT", "FI"]
    ),
}
_MARKET_OF = {country: market for market, countries in COUNTRIES_OF.items() for country in countries}
COUNTRIES = frozenset(_MARKET_OF)
"""All countries that Link supports."""

_AMERICA = frozenset([Market.NORTH_AMERICA])
_AMERICA_AND_UK = _AMERICA | {Market.UNITED_KINGDOM}
_ALL = frozenset(Market)

PRODUCT_MARKETS: dict[str, frozenset[Market]] = {
    "transactions": _ALL,
    "recurring_transactions": _AMERICA_AND_UK,
    "balance": _ALL,
    "identity": _ALL,
    "auth": _ALL,
    "assets": _AMERICA_AND_UK,
    "investments": _AMERICA,
    "investments_auth": _AMERICA,
    "liabilities": _AMERICA,
    "signal": _AMERICA,
    "transfer": _AMERICA,
    "standing_orders": frozenset([Market.UNITED_KINGDOM]),
}
"""The markets of each product: https://support.plaid.com/hc/en-us/articles/27895826947735 (products by country)."""


def has_product(market: Market, product: str) -> bool:
    """Whether Plaid offers a product in a market."""
    return market in PRODUCT_MARKETS.get(product, frozenset())


def market_of(country_codes: Iterable[str]) -> Market | None:
    """The market of the first country that Link supports; None if Link supports none of them."""
    return next((_MARKET_OF[code] for code in country_codes if code in _MARKET_OF), None)


def markets_of(country_codes: Iterable[str]) -> frozenset[Market]:
    """The markets of countries; of a bank's countries, often several."""
    return frozenset(_MARKET_OF[code] for code in country_codes if code in _MARKET_OF)


def within_one_market(country_codes: Iterable[str], *, preferred: Market | None = None) -> tuple[str, ...]:
    """The countries of one market, each once: of the preferred market if there are any, else of the first country's."""
    codes = tuple(dict.fromkeys(code for code in country_codes if code in COUNTRIES))
    if preferred is not None and (found := tuple(code for code in codes if code in COUNTRIES_OF[preferred])):
        return found
    return tuple(code for code in codes if code in COUNTRIES_OF[_MARKET_OF[codes[0]]]) if codes else ()


def check_one_market(country_codes: Iterable[str]) -> None:
    """Checks the countries that an app requests.

    Raises:
        InvalidArgument: Link does not support a country, or the countries belong to several markets.
    """
    codes = tuple(dict.fromkeys(country_codes))
    if not COUNTRIES.issuperset(codes):
        raise _unusable(f"use only {', '.join(sorted(COUNTRIES))}")
    if within_one_market(codes) != codes:
        raise _unusable("request countries of one region only: US and CA, or GB, or countries of the European Union")


def check_market_has(products: Iterable[str], market: Market) -> None:
    """Checks the products that an app requests by name.

    Raises:
        InvalidArgument: Plaid does not offer a product in this market.
    """
    if missing := [product for product in dict.fromkeys(products) if not has_product(market, product)]:
        countries = ", ".join(sorted(COUNTRIES_OF[market]))
        raise InvalidArgument(
            f"products: Plaid does not offer {', '.join(missing)} in {countries}", code="invalid_input"
        )


def _unusable(reason: str) -> InvalidArgument:
    return InvalidArgument(f"country_codes: {reason}", code="invalid_input")
