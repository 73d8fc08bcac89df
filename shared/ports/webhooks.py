"""Webhooks from Plaid, and the sessions and results of Link."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol, Self

from shared.domain import retry_delays
from shared.domain.hosted_link import LinkOutcome, LinkResult, LinkSession
from shared.domain.region import Region
from shared.domain.webhook import Webhook
from shared.ports.clock import Version

ParseWebhook = Callable[[dict[str, Any]], Webhook]
"""The webhook in a parsed body. Raises ValueError if the body is not a webhook."""

OVERDUE_SWEEPS = 3  # a delivery with so many sweeps has been unsettled for an hour


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook as it arrived; the scheduler enqueues it again at `due_at`, which is None once it is settled.

    `sweeps` counts how often the scheduler did. `trace` is the trace of the webhook's arrival.
    """

    delivery_id: str
    body: dict[str, Any]
    received_at: datetime
    connection_id: str | None = None
    due_at: datetime | None = None
    trace: str | None = None
    sweeps: int = 0

    def swept(self, *, now: datetime) -> Self:
        """The delivery after the scheduler enqueued it again: postponed longer each time, so that others come first."""
        due_at = now + retry_delays.WEBHOOK.after(self.sweeps)
        return replace(self, sweeps=self.sweeps + 1, due_at=due_at)


class Inbox(Protocol):
    """The inbox of webhooks, as they arrived."""

    def record(self, delivery: Delivery) -> bool:
        """Stores a delivery unless it exists; returns whether it is new."""

    def find(self, delivery_id: str) -> Delivery | None: ...  # noqa: D102
    def waiting(self, connection_id: str) -> list[Delivery]:
        """The unhandled deliveries of a connection, oldest first."""

    def of_connection(self, connection_id: str) -> list[Delivery]:
        """All deliveries of a connection that are still kept, oldest first."""

    def due(self, now: datetime, *, limit: int) -> list[tuple[Delivery, Version]]:
        """Deliveries that the scheduler must enqueue again, longest due first."""

    def postpone(self, delivery: Delivery, *, expected: Version) -> None:
        """Stores when a delivery is due again, and how often it was swept.

        Raises:
            Conflict: The delivery was settled or deleted meanwhile.
        """

    def since(self, moment: datetime) -> Iterator[Delivery]:
        """All deliveries since a moment, in the order of arrival."""

    def settle(self, delivery_id: str) -> None:
        """Marks a delivery as handled; no-op if it was deleted."""

    def forget(self, delivery_id: str) -> None:
        """Deletes a delivery, because its connection was removed."""


class WebhookKeys(Protocol):
    """The ids of Plaid's keys that webhooks have named, with the key pair that Plaid knows each for."""

    def seen(self) -> dict[str, Region]: ...  # noqa: D102
    def add(self, key_id: str, region: Region, *, now: datetime) -> None:
        """Records a key id. Idempotent.

        Raises:
            Conflict: Another caller records one at the same time.
        """

    def spend(self, bucket: str, *, per_minute: int, now: datetime) -> int | None:
        """Counts one lookup of an unknown key, for the whole project. None if it is allowed, else the seconds to wait.

        Raises:
            Unavailable: The store did not answer.
        """


class Links(Protocol):
    """Issued link tokens, and the public tokens that Hosted Link returned."""

    def remember(self, link_token: str, session: LinkSession, *, now: datetime) -> None:
        """Stores the user that a link token was issued to."""

    def session(self, link_token: str) -> LinkSession | None:
        """The session of a link token, with its user; None if the token is unknown, or expired long ago."""

    def is_updating(self, app_user_id: str, *, now: datetime) -> bool:
        """Whether a user has a link token for update mode that has not expired."""

    def regions(self, app_user_id: str, *, usable_after: datetime) -> frozenset[Region]:
        """The key pairs of a user's link tokens that were usable after a moment."""

    def keep(self, result: LinkResult) -> bool:
        """Stores a result unless it exists; returns whether it is new."""

    def result(self, result_id: str) -> LinkResult | None: ...  # noqa: D102
    def settle(self, result_id: str, outcome: LinkOutcome, *, connection_id: str | None) -> None:
        """Records the outcome of a result, and deletes its public token."""
