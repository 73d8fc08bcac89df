"""Refreshes the cache of institutions in bulk, so that users rarely wait for Plaid. The next run does the rest.

Plaid lists institutions in pages of 500, in an order it does not promise, and allows 10 (Sandbox) to 50 such calls a
minute: https://plaid.com/docs/errors/rate-limit-exceeded/. It allows 400 calls for single institutions. So a page is
requested only while more institutions are missing than pages are left; the others are requested by their ids.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.errors import ErrorClass, ErrorKind, ProviderError
from shared.domain.institution import REFRESH_AFTER, InstitutionInfo
from shared.domain.region import KeyPairs, Region
from shared.log import log
from shared.ports import Clock, Institutions, Plaid
from shared.usecases.linking.find_institution import fetch_institution

PAGE = 500  # Plaid's maximum
MAX_PAGES = 40  # Plaid lists some 17,000 institutions
MAX_STALE = 300  # per run; also the most single calls, below Plaid's 400 a minute
MAX_FAILURES = 3  # in a row, until Plaid counts as down; each is postponed, so that the next run tries others
TIME = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """How many institutions a run refreshed, and how many are `left` for the next run."""

    refreshed: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshInstitutions:
    """Refreshes stale entries of the cache.

    Attributes:
        country_codes: The countries to query if the cache does not know an institution's countries.
        key_pairs: The key pairs of Plaid.
    """

    country_codes: tuple[str, ...]
    key_pairs: KeyPairs
    institutions: Institutions
    plaid: Plaid
    clock: Clock

    def __call__(self) -> Refreshed:
        """Fetches stale entries from Plaid. After an interruption, the next run continues."""
        started = self.clock.now()
        stale = self.institutions.stale(started - REFRESH_AFTER, now=started, limit=MAX_STALE)
        left = sum(self._run(region, stale, until=started + TIME) for region in self.key_pairs.regions)
        done = Refreshed(refreshed=len(stale) - left, left=left)
        log.info("institutions.refreshed", refreshed=done.refreshed, left=done.left)
        return done

    def _run(self, region: Region, stale: list[InstitutionInfo], *, until: datetime) -> int:
        """Fetches the institutions of one key pair; returns how many are left."""
        run = _Run(
            country_codes=self.country_codes,
            key_pairs=self.key_pairs,
            region=region,
            institutions=self.institutions,
            plaid=self.plaid,
            clock=self.clock,
            until=until,
            missing={one.institution_id: one for one in stale if self.key_pairs.of_link(one.country_codes) is region},
        )
        run.in_bulk()
        run.one_by_one()
        return len(run.missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    country_codes: tuple[str, ...]
    key_pairs: KeyPairs
    region: Region
    institutions: Institutions
    plaid: Plaid
    clock: Clock
    until: datetime
    missing: dict[str, InstitutionInfo]

    def in_bulk(self) -> None:
        """Fetches pages of Plaid's list, as long as they save calls."""
        theirs = sorted({code for one in self.missing.values() for code in one.country_codes})
        countries = self._countries(theirs)
        offset, total = 0, PAGE
        for _ in range(MAX_PAGES):
            pages_left = math.ceil((total - offset) / PAGE)
            if pages_left < 1 or len(self.missing) <= pages_left or self._late():
                return
            try:
                page = self.plaid.institutions(country_codes=countries, region=self.region, offset=offset, count=PAGE)
            except ProviderError as error:
                log.warning("institutions.no_page", error_code=error.error_code, request_id=error.request_id)
                return
            for info in page.institutions:
                if info.institution_id in self.missing:
                    self._put(info)
            if not page.size:
                return
            offset, total = offset + page.size, page.total

    def one_by_one(self) -> None:
        """Fetches the institutions that were in no page."""
        failures = 0
        for cached in list(self.missing.values()):
            if failures == MAX_FAILURES or self._late():
                return
            first, rest = self._countries(cached.country_codes), self.key_pairs.countries(self.region)
            try:
                info = fetch_institution(cached.institution_id, first, rest, region=self.region, plaid=self.plaid)
            except ProviderError as error:
                if error.kind is ErrorKind.INSTITUTION_UNKNOWN:
                    # Plaid does not know it any more. It stays in the cache for existing connections, and is rarely
                    # retried.
                    self._put(cached.model_copy(update={"fetched_at": self.clock.now()}))
                    continue
                # An institution that is down does not mean that Plaid is.
                is_down = error.kind is ErrorKind.INSTITUTION_DOWN
                failures += error.error_class is ErrorClass.TRANSIENT and not is_down
                now = self.clock.now()
                self.institutions.put_off(cached.institution_id, until=cached.next_try(now))
                log.warning("institution.stale", institution_id=cached.institution_id, error_code=error.error_code)
                continue
            failures = 0
            self._put(info)

    def _countries(self, known: Iterable[str]) -> tuple[str, ...]:
        """The known countries that the key pair serves, else those of the settings, else all."""
        pairs, region = self.key_pairs, self.region
        return (
            pairs.countries(region, wished=known)
            or pairs.countries(region, wished=self.country_codes)
            or pairs.countries(region)
        )

    def _put(self, info: InstitutionInfo) -> None:
        self.institutions.put(info)
        del self.missing[info.institution_id]

    def _late(self) -> bool:
        return self.clock.now() > self.until
