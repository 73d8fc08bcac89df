"""The scheduler's part: finds the institutions that must be judged, and enqueues their judgement."""

from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from shared.domain.errors import BankError, Conflict
from shared.domain.institution_health.detector import plaid_says
from shared.domain.institution_health.evidence import Evidence, HealthState, PlaidStatus
from shared.domain.institution_health.record import Watchlist
from shared.log import log
from shared.ports import BankContacts, Clock, Executors, HealthRecords, TaskFunction, Tasks, Version
from shared.usecases.enqueue import task_name

LOOK_BACK = timedelta(minutes=35)  # a failure is seen by two scheduler runs, in case one is lost
MOST_FAILING = 500  # more would hardly name further institutions
MOST_POLLED = 300  # per scheduler run: Plaid allows 400 calls a minute, and other calls need some of them
AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchInstitutions:
    """Watches all institutions: one read, and one query that finds failing connections only.

    With two pairs of Plaid's keys, it also reads the cached entry of each institution that it polls.
    """

    records: HealthRecords
    contacts: BankContacts
    ask_status: Callable[[str], PlaidStatus | None]
    tasks: Tasks
    clock: Clock
    executors: Executors

    def __call__(self) -> list[str]:
        """Enqueues a judgement of each institution with a reason for one.

        Returns:
            The institutions.

        Raises:
            Unavailable: The store or the queue did not answer; the next scheduler run does it.
        """
        now = self.clock.now()
        watchlist, version = self.records.watchlist()
        failing = self.contacts.failing_since(now - LOOK_BACK, limit=MOST_FAILING)
        watchlist = self._completed(watchlist, version, failing)
        reported = self._reported(watchlist.institutions, now=now)
        wanted = sorted({*watchlist.unsettled, *failing, *reported})
        for institution_id in wanted:
            name = task_name(institution_id, f"t{int(now.timestamp() * 1000)}")
            self.tasks.add(TaskFunction.JUDGE_INSTITUTION, {"institution_id": institution_id}, name=name)
        if wanted:
            log.info("institutions.watched", judged=len(wanted), failing=len(failing), reported=len(reported))
        return wanted

    def _completed(self, watchlist: Watchlist, version: Version | None, failing: set[str]) -> Watchlist:
        """The list with institutions that it does not have yet: all known ones, if it was never stored."""
        missing = failing if version is not None else {*failing, *self.contacts.institutions()}
        complete = watchlist.with_institutions(*missing)
        if version is None or complete != watchlist:
            with suppress(Conflict):  # the next scheduler run completes it
                self.records.save_watchlist(complete, expected=version)
        return complete

    def _reported(self, institutions: tuple[str, ...], *, now: datetime) -> set[str]:
        """The institutions of which Plaid itself reports trouble."""
        polled = _turn(institutions, now)
        if not polled:
            return set()
        with closing(self.executors(min(AT_ONCE, len(polled)), "status")) as workers:
            futures = [workers.submit(partial(self._has_trouble, one, now=now)) for one in polled]
            return {one for one, future in zip(polled, futures, strict=True) if future.result()}

    def _has_trouble(self, institution_id: str, *, now: datetime) -> bool:
        try:
            status = self.ask_status(institution_id)
        except BankError:
            return False
        evidence = Evidence(institution_id, max(now, status.at) if status else now, connections=0, plaid=status)
        return plaid_says(evidence) is not HealthState.HEALTHY


def _turn(institutions: tuple[str, ...], now: datetime) -> tuple[str, ...]:
    """The institutions to poll in this scheduler run: all of them, or a part in turn."""
    parts = -(-len(institutions) // MOST_POLLED)
    turn = int(now.timestamp() // timedelta(minutes=15).total_seconds())
    return institutions[turn % parts :: parts] if parts else ()
