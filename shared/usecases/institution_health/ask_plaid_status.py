"""Asks Plaid for its own view of an institution, with the keys that serve the institution's countries."""

from dataclasses import dataclass

from shared.domain.errors import ErrorClass, ProviderError
from shared.domain.institution_health.evidence import PlaidStatus
from shared.domain.region import KeyPairs, Region
from shared.ports import Institutions, Plaid


@dataclass(frozen=True, slots=True, kw_only=True)
class AskPlaidStatus:
    """Reads the institution's countries in the cache if they choose the keys; with one pair, nothing is read.

    Attributes:
        country_codes: The countries to query if an institution's countries are not known.
        key_pairs: The key pairs of Plaid.
    """

    country_codes: tuple[str, ...]
    key_pairs: KeyPairs
    institutions: Institutions
    plaid: Plaid

    def __call__(self, institution_id: str) -> PlaidStatus | None:
        """Plaid's status of an institution; None if Plaid reports none.

        Raises:
            ProviderError: Plaid did not answer, or knows the institution with no pair and in no country.
            Unavailable: The cache did not answer.
        """
        *attempts, (region, country_codes) = self._attempts(institution_id)
        for keys, countries in attempts:
            try:
                return self.plaid.institution_status(institution_id, country_codes=countries, region=keys)
            except ProviderError as error:
                # Unknown in these countries, or the pair is not enabled for them.
                if error.error_class is not ErrorClass.CONFIGURATION:
                    raise
        return self.plaid.institution_status(institution_id, country_codes=country_codes, region=region)

    def _attempts(self, institution_id: str) -> list[tuple[Region, tuple[str, ...]]]:
        """Pairs and countries to ask with, the likely ones first; nearly always the first one answers."""
        pairs = self.key_pairs
        cached = self.institutions.find(institution_id) if pairs.has_eu else None
        likely = (cached.country_codes if cached is not None else ()) or self.country_codes
        first = pairs.of_link(likely)
        attempts = [
            (first, pairs.countries(first, wished=likely)),
            *((region, pairs.countries(region)) for region in pairs.regions if region is not first),
            (first, pairs.countries(first)),
        ]
        return [(region, countries) for region, countries in attempts if countries]
