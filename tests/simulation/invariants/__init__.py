"""What must always hold, and what must hold once everything had time to settle.

logs.py       nothing is logged at ERROR for a user's, a bank's or Plaid's fault; secrets are nowhere
items.py      every item belongs to one connection, an unfinished exchange, a removal, or a reported loss
status.py     a connection's status is what Plaid's item says
rows.py       rows and accounts are Plaid's
balances.py   the history of balances belongs to stored accounts, and a recorded day has no gap
notes.py      notes survive, or their user was notified
due.py        nothing that is due is left alone
limits.py     calls to Plaid and writes stay below a bound
blame.py      a status changes only for a reason
leases.py     one run of a connection at a time
notices.py    one notification per event, and none that a user needs is missing
duplicates.py every account counts once
webhooks.py   what was acknowledged is on record, and its data arrives
products.py   rows of products are Plaid's; without products there is no call and no document
windows.py    no call between an exchange and the store of its token
removals.py   what its user removed does not come back
regions.py    no token is sent with the other region's keys
"""

from __future__ import annotations

from tests.simulation.invariants import (
    balances,
    blame,
    due,
    duplicates,
    items,
    leases,
    limits,
    logs,
    notes,
    notices,
    products,
    regions,
    removals,
    rows,
    status,
    webhooks,
    windows,
)
from tests.simulation.world import World


def watch(world: World) -> None:
    """Starts the checks of what must hold at every moment."""
    logs.watch(world)
    limits.watch(world)
    blame.watch(world)
    due.watch(world)
    items.watch(world)
    leases.watch(world)
    webhooks.watch(world)
    windows.watch(world)


def settled(world: World) -> None:
    """Checks what must hold now that nothing is under way, and the faults of the world have ended."""
    for check in (items, regions, status, rows, products, balances, notes, due, notices, duplicates, removals):
        check.settled(world)
