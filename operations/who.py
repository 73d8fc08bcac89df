"""The operator's name, and the audit entry for each command."""

import argparse
import getpass
import os

from shared.domain.audit import OPERATORS, Actor, AuditAction, AuditEntry
from shared.serving import container

_SAID_ELSEWHERE = {"command", "run", "local", "connection", "user"}


def operator() -> str:
    """The environment variable OPERATOR, or the login name on this machine."""
    try:
        return os.environ.get("OPERATOR") or getpass.getuser()
    except (KeyError, OSError):  # in a container the user may have no name
        return f"uid {os.getuid()}"


def write_down(given: argparse.Namespace) -> None:
    """Write a command to the audit log before it takes effect: to the log of its user, else to the operators' log.

    Each command calls this between its checks and its effect.

    Raises:
        Unavailable: The entry could not be written, so the command must not run.
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
