"""The running local stack, as a process beside it sees it."""

import os

from emulators.environment import Plaid, operator_environment
from emulators.ports import Ports, StackError, offset_from_environment, taken


def point_at_stack() -> None:
    """Sets this process's environment to the stack at PORT_OFFSET.

    Raises:
        StackError: There is none.
    """
    ports = Ports.at(offset_from_environment())
    if not taken(ports.firestore):
        raise StackError(f"no local stack answers at port {ports.firestore}: start `make dev`, or set its PORT_OFFSET")
    os.environ.update(operator_environment(ports, Plaid.choose(ports, os.environ)))
