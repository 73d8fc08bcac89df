"""The shared cache of institutions."""

from datetime import datetime
from typing import Protocol

from shared.domain.institution import InstitutionInfo
from shared.ports.clock import Version


class Institutions(Protocol):
    """The shared cache of institutions, with the claims of callers that are fetching one."""

    def find(self, institution_id: str) -> InstitutionInfo | None: ...  # noqa: D102
    def put(self, institution: InstitutionInfo) -> None: ...  # noqa: D102
    def stale(self, before: datetime, *, now: datetime, limit: int) -> list[InstitutionInfo]:
        """Institutions fetched before a moment, longest ago first; postponed ones come last."""

    def put_off(self, institution_id: str, *, until: datetime) -> None:
        """Postpones an institution that Plaid could not return: others come first until then. No-op if it is gone."""

    def claim(self, institution_id: str, *, now: datetime, until: datetime) -> Version | None:
        """Claims the fetch of an institution; None while another caller has the claim."""

    def release(self, institution_id: str, *, expected: Version) -> None:
        """Releases the claim, unless another caller has taken it since."""
