"""Publishes the health of an institution to apps."""

from dataclasses import dataclass

from shared.domain.institution_health.evidence import Verdict
from shared.domain.institution_health.published import LEAST_USERS, InstitutionHealth
from shared.ports import Clock, Connections, PublishedHealth


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishHealth:
    """Publishes verdicts, if enough users have connections to the institution."""

    connections: Connections
    published: PublishedHealth
    clock: Clock

    def __call__(self, institution_id: str, verdict: Verdict) -> InstitutionHealth | None:
        """Publishes a verdict, if the published document differs or has to be renewed. Idempotent.

        Costs one read; if there is something to publish, also a query that finds five users, and a write. Below five
        users an existing document is withdrawn: its state could be that of a single user.

        Returns:
            What is published now.
        """
        previous = self.published.find(institution_id)
        health = InstitutionHealth.of(institution_id, verdict, previous=previous, now=self.clock.now())
        if not health.replaces(previous):
            return previous
        if self.connections.users_at(institution_id, most=LEAST_USERS) >= LEAST_USERS:
            self.published.put(health)
            return health
        if previous is not None:
            self.published.withdraw(institution_id)
        return None
