"""Pauses of syncs by an operator: of all syncs, or of one institution."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict


class Pause(BaseModel):
    """One pause.

    Attributes:
        since: When the pause started.
        by: The operator who paused.
        reason: The operator's reason.
    """

    model_config = ConfigDict(frozen=True)

    since: datetime
    by: str
    reason: str = ""


class Pauses(BaseModel):
    """All current pauses. Running syncs complete, but no paused sync starts."""

    model_config = ConfigDict(frozen=True)

    everything: Pause | None = None
    institutions: dict[str, Pause] = {}

    def of(self, institution_id: str | None) -> Pause | None:
        """The pause that applies to an institution, if any."""
        return self.everything or (self.institutions.get(institution_id) if institution_id is not None else None)

    def paused(self, institution_id: str | None, pause: Pause) -> Self:
        """Adds a pause of an institution or, with None, of everything. An existing pause is kept unchanged."""
        if institution_id is None:
            return self.model_copy(update={"everything": self.everything or pause})
        return self.model_copy(update={"institutions": {institution_id: pause} | self.institutions})

    def resumed(self, institution_id: str | None) -> Self:
        """Removes the pause of an institution or, with None, of everything; the other pauses are kept."""
        if institution_id is None:
            return self.model_copy(update={"everything": None})
        left = {name: pause for name, pause in self.institutions.items() if name != institution_id}
        return self.model_copy(update={"institutions": left})
