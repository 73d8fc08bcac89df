"""The key pairs of Plaid. Plaid may serve the United Kingdom and Europe with a client id and secret of their own.

Which pair made an item is stored when its public token is exchanged, and is never derived from a country afterwards: a
second pair that is added later must not break the items of the first one. Data that was stored without a region belongs
to the first pair.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.market import COUNTRIES, COUNTRIES_OF, Market, market_of


class Region(StrEnum):
    """A key pair. The values are stored, and public in `bank_connections`."""

    US = "us"  # PLAID_CLIENT_ID: the first pair, which serves all countries if it is the only one
    EU = "eu"  # PLAID_EU_CLIENT_ID: the United Kingdom and the European Union


@dataclass(frozen=True, slots=True)
class KeyPairs:
    """The key pairs of this backend; `has_eu`: there is a second one."""

    has_eu: bool = False

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions that have keys, the first pair first."""
        return tuple(Region) if self.has_eu else (Region.US,)

    def of_link(self, country_codes: Iterable[str]) -> Region:
        """The pair for a new Link session, or for a bank that is looked up, in the countries of one market."""
        abroad = market_of(country_codes) not in (None, Market.NORTH_AMERICA)
        return Region.EU if self.has_eu and abroad else Region.US

    def countries(self, region: Region, *, wished: Iterable[str] = tuple(sorted(COUNTRIES))) -> tuple[str, ...]:
        """The wished countries that a pair may serve. The first pair may have items in all countries from earlier."""
        served = COUNTRIES - COUNTRIES_OF[Market.NORTH_AMERICA] if region is Region.EU else COUNTRIES
        return tuple(dict.fromkeys(code for code in wished if code in served))
