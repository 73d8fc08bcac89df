"""Refreshes a connection's status after its user completed Link's update mode."""

from dataclasses import dataclass

from shared.domain.connection import BankConnection, ItemStatus
from shared.domain.errors import FailedPrecondition
from shared.ports import Connections
from shared.usecases.connection_access import no_connection, owned
from shared.usecases.items.refresh_item_status import ItemStatusRefresh


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconnectConnection:
    """Refreshes the status from the item at Plaid and, after a problem, from its data; syncs if the login works."""

    connections: Connections
    item_status: ItemStatusRefresh

    def __call__(self, connection_id: str, *, app_user_id: str) -> BankConnection:
        """Refreshes the status. Idempotent.

        Returns:
            The connection with its new status, and with the action that is still needed, if any.

        Raises:
            NotFound: The connection does not exist, or belongs to another user.
            FailedPrecondition: The connection cannot be repaired: the user has to link the bank again.
            ServiceError: Plaid or the vault did not answer: nothing was changed.
        """
        connection = owned(self.connections.find(connection_id), app_user_id)
        if connection.status is ItemStatus.ERROR:
            raise FailedPrecondition(
                "this connection cannot be repaired: link the bank again",
                code="relink_required",
                connection_id=connection_id,
            )
        refreshed = self.item_status.by_user(connection)
        if refreshed is None:
            raise no_connection()
        return refreshed
