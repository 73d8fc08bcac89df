"""Who may use a connection: its owner alone."""

from shared.domain.connection import BankConnection
from shared.domain.errors import NotFound


def owned(connection: BankConnection | None, app_user_id: str) -> BankConnection:
    """The connection, if it is the caller's.

    Raises:
        NotFound: It does not exist, or is somebody else's: the answer is the same.
    """
    if connection is None or connection.app_user_id != app_user_id:
        raise no_connection()
    return connection


def no_connection() -> NotFound:
    """The answer for what does not exist, and for what is somebody else's."""
    return NotFound("no such connection", code="connection_not_found")
