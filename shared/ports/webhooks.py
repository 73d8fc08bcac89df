"""What Plaid tells us: webhooks, and what users link on Plaid's own page."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol, Self

from shared.domain import retry_delays
from shared.domain.hosted_link import LinkOutcome, LinkResult, LinkSession
from shared.domain.webhook import Webhook
from shared.ports.clock import Version

ParseWebhook = Callable[[dict[str, Any]], Webhook]
"""The webhook in a parsed body. Raises ValueError for a body that is none."""

OVERDUE_SWEEPS = 3  # a delivery that was swept so often is not settled for an hour


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook as it arrived; `due_at` is when the schedule must see to it, None once nothing is left to do.

    `sweeps` counts how often it did. `trace` is that of its arrival.
    """

    delivery_id: str
    body: dict[str, Any]
    received_at: datetime
    connection_id: str | None = None
    due_at: datetime | None = None
    trace: str | None = None
    sweeps: int = 0

    def swept(self, *, now: datetime) -> Self:
        """The delivery after the schedule enqueued it again: due later each time, so that others come first."""
        due_at = now + retry_delays.WEBHOOK.after(self.sweeps)
        return replace(self, sweeps=self.sweeps + 1, due_at=due_at)


class Inbox(Protocol):
    """Webhooks as they arrived."""

    def record(self, delivery: Delivery) -> bool:
        """Stores a delivery unless it is there; returns whether it is new."""

    def find(self, delivery_id: str) -> Delivery | None: ...  # noqa: D102
    def waiting(self, connection_id: str) -> list[Delivery]:
        """What nobody has handled yet of a connection, oldest first."""

    def of_connection(self, connection_id: str) -> list[Delivery]:
        """Everything that came about a connection, as far as it is kept, oldest first."""

    def due(self, now: datetime, *, limit: int) -> list[tuple[Delivery, Version]]:
        """What the schedule must handle, longest due first."""

    def postpone(self, delivery: Delivery, *, expected: Version) -> None:
        """Stores when a delivery is due again, and how often it was swept.

        Raises:
            Conflict: It was settled meanwhile, or is gone.
        """

    def since(self, moment: datetime) -> Iterator[Delivery]:
        """Everything from a moment on, in the order of arrival."""

    def settle(self, delivery_id: str) -> None:
        """Nothing is left to do; harmless if it is gone."""

    def forget(self, delivery_id: str) -> None:
        """It was about a connection that is gone; so it goes, too."""


class WebhookKeys(Protocol):
    """The ids of Plaid's keys that webhooks have named."""

    def seen(self) -> frozenset[str]: ...  # noqa: D102
    def add(self, key_id: str, *, now: datetime) -> None:
        """Notes one more; again is harmless.

        Raises:
            Conflict: Somebody else notes one.
        """

    def spend(self, bucket: str, *, per_minute: int, now: datetime) -> int | None:
        """Counts one look-up of an unknown key, in the whole project. None if it may be made, else seconds to wait.

        Raises:
            Unavailable: The store did not answer.
        """


class Links(Protocol):
    """Link tokens that were issued, and the public tokens that came of Hosted Link."""

    def remember(self, link_token: str, session: LinkSession, *, now: datetime) -> None:
        """Stores to whom a link token was issued."""

    def session(self, link_token: str) -> LinkSession | None:
        """To whom a link token was issued; None if it is unknown, or expired for long."""

    def is_updating(self, app_user_id: str, *, now: datetime) -> bool:
        """Whether a user has a link token for update mode that has not expired."""

    def keep(self, result: LinkResult) -> bool:
        """Stores a result unless there is one; returns whether it is new."""

    def result(self, result_id: str) -> LinkResult | None: ...  # noqa: D102
    def settle(self, result_id: str, outcome: LinkOutcome, *, connection_id: str | None) -> None:
        """Notes what became of it, and forgets the public token."""
