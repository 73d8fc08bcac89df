"""Explains the health of an institution to an operator."""

from dataclasses import dataclass
from typing import Protocol

from shared.domain.institution_health.evidence import PlaidStatus, Verdict


@dataclass(frozen=True, slots=True)
class Facts:
    """All that an explanation may use: no users, no transactions, no tokens.

    Attributes:
        bank: The institution's name, or its id.
        verdict: The verdict.
        connections: All connections to the institution.
        plaid: Plaid's own status; None if Plaid reports none.
    """

    bank: str
    verdict: Verdict
    connections: int
    plaid: PlaidStatus | None = None


class Explainer(Protocol):
    """Puts a verdict into words. It never decides: without it, the product is complete."""

    def explain(self, facts: Facts) -> str:
        """One or two sentences for an operator. Every number in them occurs in the facts or is computed from them."""
        ...
