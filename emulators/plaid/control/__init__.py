"""The simulator's control API under /_sim/: inspect state, change bank data, move time, inject faults.

Plaid has none of these routes. README.md shows each call with an example.
"""

from starlette.routing import Route

from emulators.plaid.control import (
    faults,
    general,
    institutions,
    investments,
    items,
    liabilities,
    link,
    products,
    recurring,
)
from emulators.plaid.control.base import routes
from emulators.plaid.world import World


def control_routes(world: World) -> list[Route]:
    subjects = (general, items, products, liabilities, investments, recurring, faults, link, institutions)
    return routes(world, [route for subject in subjects for route in subject.ROUTES])
