"""Pauses of syncs: an operator's, of all syncs or of one institution; and automatic ones during an outage of a bank."""

from datetime import datetime, timedelta
from typing import Self, TypeVar

from pydantic import BaseModel, ConfigDict

_T = TypeVar("_T")


class Pause(BaseModel):
    """One pause by an operator.

    Attributes:
        since: When the pause started.
        by: The operator who paused.
        reason: The operator's reason.
    """

    model_config = ConfigDict(frozen=True)

    since: datetime
    by: str
    reason: str = ""


class AutomaticPause(BaseModel):
    """A pause during an outage of a bank. It ends by itself, so that a process that dies leaves nothing paused.

    Attributes:
        since: When the outage was declared.
        until: When the pause expires unless it is renewed.
        next_check_at: When the backend checks the bank next.
    """

    model_config = ConfigDict(frozen=True)

    since: datetime
    until: datetime
    next_check_at: datetime

    @property
    def reason(self) -> str:
        """The reason, shown to operators."""
        return f"outage of the bank; expires {self.until:%Y-%m-%dT%H:%M:%SZ}"


class Pauses(BaseModel):
    """All current pauses. Running syncs complete, but no paused sync starts.

    Attributes:
        everything: The operator's pause of all syncs.
        institutions: The operators' pauses of institutions.
        automatic: The automatic pauses of institutions; some may have expired.
        spaced: Institutions that are degraded, and until when their retries are spaced out.
    """

    model_config = ConfigDict(frozen=True)

    everything: Pause | None = None
    institutions: dict[str, Pause] = {}
    automatic: dict[str, AutomaticPause] = {}
    spaced: dict[str, datetime] = {}

    def of(self, institution_id: str | None, *, now: datetime) -> Pause | AutomaticPause | None:
        """The pause that applies to an institution, if any; an operator's pause comes first."""
        if self.everything is not None or institution_id is None:
            return self.everything
        return self.institutions.get(institution_id) or self.outage_at(institution_id, now=now)

    def outage_at(self, institution_id: str, *, now: datetime) -> AutomaticPause | None:
        """The automatic pause of an institution, unless it has expired."""
        pause = self.automatic.get(institution_id)
        return pause if pause is not None and now < pause.until else None

    def is_spaced(self, institution_id: str | None, *, now: datetime) -> bool:
        """Whether retries of an institution are spaced out."""
        until = self.spaced.get(institution_id or "")
        return until is not None and now < until

    def paused(self, institution_id: str | None, pause: Pause) -> Self:
        """Adds a pause of an institution or, with None, of everything. An existing pause is kept unchanged."""
        if institution_id is None:
            return self.model_copy(update={"everything": self.everything or pause})
        return self.model_copy(update={"institutions": {institution_id: pause} | self.institutions})

    def resumed(self, institution_id: str | None) -> Self:
        """Removes the pause of an institution or, with None, of everything; the other pauses are kept."""
        if institution_id is None:
            return self.model_copy(update={"everything": None})
        return self.model_copy(update={"institutions": _without(self.institutions, institution_id)})

    def during_outage(
        self, institution_id: str, pause: AutomaticPause | None, *, spaced_for: timedelta | None, now: datetime
    ) -> Self:
        """Replaces the automatic measures against an institution, and forgets all that have expired.

        Args:
            institution_id: The institution.
            pause: Its automatic pause; None if it is not paused.
            spaced_for: For how long its retries are spaced out; None if they are not.
            now: The present.
        """
        automatic = {name: one for name, one in self.automatic.items() if now < one.until}
        spaced = {name: until for name, until in self.spaced.items() if now < until}
        automatic, spaced = _without(automatic, institution_id), _without(spaced, institution_id)
        return self.model_copy(
            update={
                "automatic": automatic | ({institution_id: pause} if pause is not None else {}),
                "spaced": spaced | ({institution_id: now + spaced_for} if spaced_for is not None else {}),
            }
        )


def _without(named: dict[str, _T], name: str) -> dict[str, _T]:
    return {key: value for key, value in named.items() if key != name}
