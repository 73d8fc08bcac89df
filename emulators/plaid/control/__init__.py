"""The simulator's control API under /_sim/: inspect state, change bank data, move time, inject faults.

Plaid has none of these routes. README.md shows each call with an example.
"""

from starlette.routing import Route

from emulators.plaid.control import faults, general, institutions, items, link
from emulators.plaid.control.base import routes
from emulators.plaid.world import World


def control_routes(world: World) -> list[Route]:
    return routes(world, [*general.ROUTES, *items.ROUTES, *faults.ROUTES, *link.ROUTES, *institutions.ROUTES])
