"""Finds an institution's name, logo and colour in the shared cache, or at Plaid: once for all concurrent callers.

The first caller that finds no fresh entry claims the fetch. Other callers get the stale entry; if there is none,
they wait for the cache for a bounded time, and then call Plaid themselves, because a claim only saves calls.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from shared.domain.errors import BankError, ErrorKind, ProviderError
from shared.domain.institution import InstitutionInfo
from shared.domain.region import KeyPairs, Region
from shared.log import log
from shared.ports import Clock, Institutions, Plaid, Version

CLAIM_FOR = timedelta(seconds=75)  # longer than a fetch can take, including its second call
WAITS = (0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.5)  # seconds: how long other callers wait


@dataclass(frozen=True, slots=True, kw_only=True)
class FindInstitution:
    """Finds institutions in the shared cache, and fills the cache from Plaid.

    Attributes:
        country_codes: The countries to query at Plaid first.
        key_pairs: The key pairs of Plaid.
        watch: Has the health of a new institution watched.
    """

    country_codes: tuple[str, ...]
    key_pairs: KeyPairs
    institutions: Institutions
    plaid: Plaid
    clock: Clock
    sleep: Callable[[float], None]
    watch: Callable[[str], None] = lambda _: None

    def __call__(self, institution_id: str, region: Region) -> InstitutionInfo:
        """The institution from the shared cache, or from Plaid; a stale entry is better than none.

        Args:
            institution_id: The institution.
            region: The key pair of the item that is at the institution.

        Raises:
            ProviderError: The institution is not in the cache, and Plaid did not answer.
        """
        cached = self.institutions.find(institution_id)
        if cached is not None and cached.is_fresh(self.clock.now()):
            return cached
        claim = self._claim(institution_id)
        if claim is None and cached is not None:
            return cached
        for wait in WAITS:
            if claim is not None:
                break
            self.sleep(wait)
            fetched = self.institutions.find(institution_id)
            if fetched is not None:
                return fetched
            claim = self._claim(institution_id)  # the caller that had the claim may have failed
        return self._fetched(institution_id, region, cached, claim)

    def _fetched(
        self, institution_id: str, region: Region, cached: InstitutionInfo | None, claim: Version | None
    ) -> InstitutionInfo:
        try:
            first = self.key_pairs.countries(region, wished=self.country_codes)
            rest = self.key_pairs.countries(region)
            fetched = fetch_institution(institution_id, first, rest, region=region, plaid=self.plaid)
        except ProviderError as error:
            if claim is not None:
                with suppress(BankError):  # the claim expires by itself
                    self.institutions.release(institution_id, expected=claim)
            if cached is None:
                raise
            log.warning("institution.stale", institution_id=institution_id, error_code=error.error_code)
            return cached
        # The claim is not released but expires: a caller that read the cache just too early finds it taken, and reads
        # again.
        self.institutions.put(fetched)
        self.watch(institution_id)
        log.info("institution.fetched", institution_id=institution_id)
        return fetched

    def _claim(self, institution_id: str) -> Version | None:
        now = self.clock.now()
        return self.institutions.claim(institution_id, now=now, until=now + CLAIM_FOR)


def fetch_institution(
    institution_id: str, *country_codes: tuple[str, ...], region: Region, plaid: Plaid
) -> InstitutionInfo:
    """Fetches an institution from Plaid, in each of these sets of countries until Plaid finds it there.

    Raises:
        ProviderError: Plaid did not answer, or does not know the institution.
    """
    *first, last = filter(None, country_codes)
    for countries in first:
        try:
            return plaid.institution(institution_id, country_codes=countries, region=region)
        except ProviderError as error:
            if error.kind is not ErrorKind.INSTITUTION_UNKNOWN:
                raise
    return plaid.institution(institution_id, country_codes=last, region=region)
