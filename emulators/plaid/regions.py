"""Countries, products and teams: what Plaid offers where, and whose tokens are whose.

Sources: plaid.com/docs/api/link/#linktokencreate ("only products that you are enabled for in all countries will be
used") and support.plaid.com/hc/en-us/articles/27895826947735 (products by country). A token is valid only with the keys
of the team that made it.
"""

from collections.abc import Iterable
from typing import Any

from emulators.plaid.errors import PlaidError
from emulators.plaid.linktokens import PRODUCT_LISTS
from emulators.plaid.settings import EU, US
from emulators.plaid.wire import words

Json = dict[str, Any]
AMERICA = {"US", "CA"}
_ONLY_AMERICA = words(
    "investments investments_auth liabilities signal statements transfer income_verification employment"
)
_NOT_IN_EUROPE = ("assets", "recurring_transactions")
_ONLY_BRITAIN = ("standing_orders",)


def offers(country: str, product: str) -> bool:
    """Whether Plaid offers a product in a country."""
    if country in AMERICA:
        return product not in _ONLY_BRITAIN
    return product not in _ONLY_AMERICA and (country == "GB" or product not in (*_NOT_IN_EUROPE, *_ONLY_BRITAIN))


def check_countries(fields: Json, team: str, *, two_teams: bool) -> None:
    """Raises INVALID_FIELD for countries that a team is not enabled for. One team alone is enabled for all."""
    own = [country for country in fields["country_codes"] if (country in AMERICA) == (team == US)]
    if two_teams and len(own) < len(fields["country_codes"]):
        raise PlaidError("INVALID_FIELD", "country_codes contains countries that this client is not enabled for")


def drop_products(fields: Json) -> Json:
    """The request without the products that are not offered in all of its countries.

    Raises INVALID_PRODUCT if no required product is left.
    """
    countries = fields["country_codes"]

    def kept(products: Iterable[str]) -> list[str]:
        return [product for product in products if all(offers(country, product) for country in countries)]

    left = {name: kept(fields[name]) for name in PRODUCT_LISTS if fields.get(name)}
    if fields.get("products") and not left["products"]:
        raise PlaidError("INVALID_PRODUCT", f"no requested product is available in {', '.join(countries)}")
    return {**fields, **left}


def check_account_selection(fields: Json, countries: Iterable[str]) -> None:
    """Raises INVALID_FIELD for account selection in update mode outside the US and Canada."""
    if fields.get("update", {}).get("account_selection_enabled") and AMERICA.isdisjoint(countries):
        raise PlaidError("INVALID_FIELD", "account_selection_enabled is not supported in the country of the item")


def team_of(client_id: object, eu_client_id: str | None) -> str:
    """The team of a client id."""
    return EU if eu_client_id is not None and client_id == eu_client_id else US
