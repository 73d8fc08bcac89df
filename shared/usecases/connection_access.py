"""Access to a connection: only its owner may use it."""

from shared.domain.connection import BankConnection
from shared.domain.errors import NotFound


def owned(connection: BankConnection | None, app_user_id: str) -> BankConnection:
    """The connection, if it is the caller's.

    Raises:
        NotFound: It does not exist, or belongs to another user; the answer does not tell which.
    """
    if connection is None or connection.app_user_id != app_user_id:
        raise no_connection()
    return connection


def no_connection() -> NotFound:
    """The error for a connection that does not exist, or that belongs to another user."""
    return NotFound("no such connection", code="connection_not_found")
