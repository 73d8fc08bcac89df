"""The published health of institutions, which every app can read."""

from typing import Protocol

from shared.domain.institution_health.published import InstitutionHealth


class PublishedHealth(Protocol):
    """The documents `bank_institution_health/{institution_id}`."""

    def find(self, institution_id: str) -> InstitutionHealth | None: ...  # noqa: D102
    def put(self, health: InstitutionHealth) -> None: ...  # noqa: D102
    def withdraw(self, institution_id: str) -> None:
        """Deletes the document, if it exists."""
