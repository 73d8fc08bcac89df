"""Which operator works here, and the entry that says what they are about to do."""

import argparse
import getpass
import os

from shared.domain.audit import OPERATORS, Actor, AuditAction, AuditEntry
from shared.serving import container

_SAID_ELSEWHERE = {"command", "run", "local", "connection", "user"}


def operator() -> str:
    """OPERATOR of the environment, or the name of whoever is logged in at this machine."""
    try:
        return os.environ.get("OPERATOR") or getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user
        return f"uid {os.getuid()}"


def write_down(given: argparse.Namespace) -> None:
    """Writes a command to the audit log before it acts: to that of the user whom it is about, else the operators' own.

    Each command calls this itself, between its checks and its effect.

    Raises:
        Unavailable: It could not be written, and so is not to be done.
    """
    connection_id = getattr(given, "connection", None)
    owner = getattr(given, "user", None)
    if connection_id is not None:
        connection = container.connections().find(connection_id)
        owner = connection.app_user_id if connection is not None else None
    said = {n: str(v) for n, v in vars(given).items() if n not in _SAID_ELSEWHERE and v not in (None, False, "")}
    container.audit_log().write_down(
        AuditEntry(
            app_user_id=owner or OPERATORS,
            connection_id=connection_id,
            action=AuditAction.OPERATION,
            actor=Actor.OPERATOR,
            details={"command": given.command, "operator": operator(), **said},
            at=container.clock().now(),
        )
    )
