"""Has the health of an institution watched from its first connection on."""

from contextlib import suppress
from dataclasses import dataclass

from shared.domain.errors import Unavailable
from shared.ports import HealthRecords
from shared.ports.compare_and_set import retry_on_conflict

MAX_TRIES = 5  # of a compare-and-set against judgements


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchInstitution:
    """Adds institutions to the watchlist. One that is missed is watched from its first failure on."""

    records: HealthRecords

    def __call__(self, institution_id: str) -> None:
        """Watches an institution: one read, and one write if it is new; never raises because of the store."""

        def step() -> None:
            watchlist, version = self.records.watchlist()
            # Without a list, the next scheduler run makes it from all known institutions.
            if version is not None and institution_id not in watchlist.institutions:
                self.records.save_watchlist(watchlist.with_institutions(institution_id), expected=version)

        with suppress(Unavailable):
            retry_on_conflict(step, tries=MAX_TRIES)
