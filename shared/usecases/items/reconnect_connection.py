"""The user went through Link's update mode: what does the bank say now?"""

from shared.domain.connection import BankConnection, ItemStatus
from shared.domain.errors import FailedPrecondition
from shared.ports import Connections
from shared.usecases.connection_access import no_connection, owned
from shared.usecases.items.refresh_item_status import ItemStatusRefresh


def reconnect_connection(
    connection_id: str, *, app_user_id: str, connections: Connections, check: ItemStatusRefresh
) -> BankConnection:
    """Takes the status from Plaid's item and, where it had a problem, from its data; syncs if it works. Idempotent.

    Returns:
        The connection with its new status, and with the action that is still needed, if any.

    Raises:
        NotFound: No such connection, or somebody else's.
        FailedPrecondition: It cannot be repaired: the user has to link anew.
        ProviderError: Plaid did not answer: nothing was changed.
    """
    connection = owned(connections.find(connection_id), app_user_id)
    if connection.status is ItemStatus.ERROR:
        raise FailedPrecondition(
            "this connection cannot be repaired: link the bank again",
            code="relink_required",
            connection_id=connection_id,
        )
    after = check.by_user(connection)
    if after is None:
        raise no_connection()
    return after
