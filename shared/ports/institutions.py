"""The shared cache of institutions."""

from datetime import datetime
from typing import Protocol

from shared.domain.institution import InstitutionInfo
from shared.ports.clock import Version


class Institutions(Protocol):
    """The shared cache of institutions, and who is fetching one for it."""

    def find(self, institution_id: str) -> InstitutionInfo | None: ...  # noqa: D102
    def put(self, institution: InstitutionInfo) -> None: ...  # noqa: D102
    def stale(self, before: datetime, *, now: datetime, limit: int) -> list[InstitutionInfo]:
        """What was fetched before a moment, longest ago first; what was put off comes last."""

    def put_off(self, institution_id: str, *, until: datetime) -> None:
        """Notes that Plaid could not answer for one: until then the others come first. Harmless if it is gone."""

    def claim(self, institution_id: str, *, now: datetime, until: datetime) -> Version | None:
        """Takes the right to fetch one; None while somebody else has it."""

    def release(self, institution_id: str, *, expected: Version) -> None:
        """Gives the right back, unless somebody else has taken it since."""
