"""Syncs that an operator has paused: of everything, or of one institution."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict


class Pause(BaseModel):
    """One pause.

    Attributes:
        since: When it began.
        by: Which operator.
        reason: What they said.
    """

    model_config = ConfigDict(frozen=True)

    since: datetime
    by: str
    reason: str = ""


class Pauses(BaseModel):
    """All pauses at one time. Runs that work go on to their end; none begins."""

    model_config = ConfigDict(frozen=True)

    everything: Pause | None = None
    institutions: dict[str, Pause] = {}

    def of(self, institution_id: str | None) -> Pause | None:
        """What keeps the syncs of an institution from running, if anything does."""
        return self.everything or (self.institutions.get(institution_id) if institution_id is not None else None)

    def paused(self, institution_id: str | None, pause: Pause) -> Self:
        """With one more: of an institution, or, with None, of everything. One that is there stays as it is."""
        if institution_id is None:
            return self.model_copy(update={"everything": self.everything or pause})
        return self.model_copy(update={"institutions": {institution_id: pause} | self.institutions})

    def resumed(self, institution_id: str | None) -> Self:
        """Without one; that of everything is apart from those of institutions."""
        if institution_id is None:
            return self.model_copy(update={"everything": None})
        left = {name: pause for name, pause in self.institutions.items() if name != institution_id}
        return self.model_copy(update={"institutions": left})
