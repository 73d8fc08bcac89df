"""Points operator commands at the running local stack."""

import os

from emulators.environment import Plaid, operator_environment
from emulators.ports import Ports, StackError, offset_from_environment, taken


def point_at_stack() -> None:
    """Set this process's environment to that of the stack at PORT_OFFSET.

    Raises:
        StackError: No stack runs there.
    """
    ports = Ports.at(offset_from_environment())
    if not taken(ports.firestore):
        raise StackError(f"no local stack answers at port {ports.firestore}: start `make dev`, or set its PORT_OFFSET")
    os.environ.update(operator_environment(ports, Plaid.choose(ports, os.environ)))
