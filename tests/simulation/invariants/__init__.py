"""What must always hold, and what must hold once everything had time to settle.

logs.py    nothing is logged at ERROR for a user's, a bank's or Plaid's fault; secrets are nowhere
items.py   every item belongs to one connection, an unfinished exchange, a removal, or a reported loss
status.py  a connection's status is what Plaid's item says
rows.py    rows and accounts are Plaid's
notes.py   notes survive, or their user was notified
due.py     nothing that is due is left alone
limits.py  calls to Plaid and writes stay below a bound
notices.py one notification per event
"""

from __future__ import annotations

from tests.simulation.invariants import due, items, limits, logs, notes, notices, rows, status
from tests.simulation.world import World


def watch(world: World) -> None:
    """Starts the checks of what must hold at every moment."""
    logs.watch(world)
    limits.watch(world)


def settled(world: World) -> None:
    """Checks what must hold now that nothing is under way, and the faults of the world have ended."""
    for check in (items, status, rows, notes, due, notices):
        check.settled(world)
