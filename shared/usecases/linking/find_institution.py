"""An institution's name, logo and colour: from the shared cache, and from Plaid once for all who ask at a time.

Whoever finds nothing fresh takes the claim to fetch it. The others are served what is stale; where there is nothing
at all they wait for the cache, a bounded time, and then ask for themselves: a claim only ever saves calls.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from shared.domain.errors import BankError, ErrorKind, ProviderError
from shared.domain.institution import InstitutionInfo
from shared.domain.link import COUNTRIES
from shared.log import log
from shared.ports import Clock, Institutions, Plaid, Version

CLAIM_FOR = timedelta(seconds=75)  # longer than a fetch may take, with its second call
WAITS = (0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.5)  # seconds: how long the others wait


def find_institution(
    institution_id: str,
    *,
    country_codes: tuple[str, ...],
    institutions: Institutions,
    plaid: Plaid,
    clock: Clock,
    sleep: Callable[[float], None],
) -> InstitutionInfo:
    """The institution from the shared cache, or from Plaid; what is stale is better than nothing.

    Raises:
        ProviderError: It is not in the cache, and Plaid did not answer.
    """
    cached = institutions.find(institution_id)
    if cached is not None and cached.is_fresh(clock.now()):
        return cached
    claim = _claim(institution_id, institutions=institutions, clock=clock)
    if claim is None and cached is not None:
        return cached
    for wait in WAITS:
        if claim is not None:
            break
        sleep(wait)
        fetched = institutions.find(institution_id)
        if fetched is not None:
            return fetched
        claim = _claim(institution_id, institutions=institutions, clock=clock)  # whoever had it may have failed
    try:
        fetched = fetch_institution(institution_id, country_codes=country_codes, plaid=plaid)
    except ProviderError as error:
        if claim is not None:
            with suppress(BankError):  # it ends by itself
                institutions.release(institution_id, expected=claim)
        if cached is None:
            raise
        log.warning("institution.stale", institution_id=institution_id, error_code=error.error_code)
        return cached
    # The claim is left to end by itself: who looked at the cache a moment too early finds it taken, and looks again.
    institutions.put(fetched)
    log.info("institution.fetched", institution_id=institution_id)
    return fetched


def fetch_institution(institution_id: str, *, country_codes: tuple[str, ...], plaid: Plaid) -> InstitutionInfo:
    """From Plaid, which knows an institution only by one of its own countries: the user's may be another than ours.

    Raises:
        ProviderError: Plaid did not answer, or does not know it.
    """
    try:
        return plaid.institution(institution_id, country_codes=country_codes)
    except ProviderError as error:
        if error.kind is not ErrorKind.INSTITUTION_UNKNOWN:
            raise
    return plaid.institution(institution_id, country_codes=tuple(sorted(COUNTRIES)))


def _claim(institution_id: str, *, institutions: Institutions, clock: Clock) -> Version | None:
    now = clock.now()
    return institutions.claim(institution_id, now=now, until=now + CLAIM_FOR)
