"""Limits the number of connections per user: the operator pays Plaid for every item for as long as it exists.

Connections in `error` do not count: their items are unusable, and the user has to link the bank again.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.domain.connection import ItemStatus
from shared.domain.errors import ResourceExhausted
from shared.domain.overlap import Holding
from shared.ports import Clock, Connections, Links


def too_many_connections() -> ResourceExhausted:
    """The error for a user who already has the maximum number of connections."""
    return ResourceExhausted(
        "the user has as many bank connections as allowed: remove one before linking another",
        code="too_many_connections",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionCap:
    """Refuses calls that would give a user more than `most` connections."""

    most: int
    connections: Connections
    links: Links
    clock: Clock

    def refuse_new_bank(self, app_user_id: str) -> None:
        """Refuses to start Link for another bank.

        Raises:
            ResourceExhausted: The user has as many connections as allowed.
            Unavailable: The store did not answer.
        """
        if self._is_reached(app_user_id):
            raise too_many_connections()

    def refuse_exchange(self, app_user_id: str, *, known: Iterable[Holding] | None = None) -> None:
        """Refuses an exchange that would create a connection, before Plaid is called.

        A public token does not reveal whether its item is new; after Link's update mode it is not. So while the user
        has an unexpired link token for update mode, the exchange is allowed, and the last commit decides
        (`CreateConnection`).

        Args:
            app_user_id: The user who exchanges the token.
            known: The user's connections, if they were read already.

        Raises:
            ResourceExhausted: The user has as many connections as allowed.
            Unavailable: The store did not answer.
        """
        reached = self._is_reached(app_user_id) if known is None else self.is_reached_by(known)
        if reached and not self.may_be_updating(app_user_id):
            raise too_many_connections()

    def is_for_update_mode(self, link_token: str) -> bool:
        """Whether a link token was issued for update mode."""
        session = self.links.session(link_token)
        return session is not None and session.updates

    def may_be_updating(self, app_user_id: str) -> bool:
        """Whether the user has an unexpired link token for update mode."""
        return self.links.is_updating(app_user_id, now=self.clock.now())

    def is_reached_by(self, holdings: Iterable[Holding]) -> bool:
        """Whether a user with these connections may not have another."""
        return sum(one.usable for one in holdings) >= self.most

    def _is_reached(self, app_user_id: str) -> bool:
        owned = self.connections.owned_by(app_user_id)
        return sum(one.status is not ItemStatus.ERROR for one in owned) >= self.most
