"""/_sim/institutions: the health of an institution as Plaid reports it."""

from starlette.requests import Request

from emulators.plaid import health, institutions
from emulators.plaid.control.base import Json, Refused, Table, only
from emulators.plaid.world import World


def _described(world: World, institution_id: str) -> Json:
    institution = institutions.find(institution_id)
    known = world.health_of(institution)
    return {
        "institution_id": institution_id,
        "reported": known.reported,
        "status": known.as_object(institution.products),
    }


async def read_health(world: World, request: Request, _: Json) -> Json:
    return _described(world, request.path_params["institution_id"])


async def change_health(world: World, request: Request, body: Json) -> Json:
    """Sets the shares of outcomes of some parts, or all; `reported: false` for an institution without a status."""
    only(body, "success", "error_plaid", "error_institution", "refresh_interval", "parts", "reported")
    institution_id = request.path_params["institution_id"]
    known = world.health_of(institutions.find(institution_id))
    parts = [str(part) for part in body.get("parts", health.PARTS)]
    if unknown := sorted(set(parts) - set(health.PARTS)):
        raise Refused(f"unknown parts: {', '.join(unknown)}; known: {', '.join(health.PARTS)}")
    known.change(parts, world.clock.now(), **health.read_shares(body))
    known.reported = bool(body.get("reported", known.reported))
    return _described(world, institution_id)


ROUTES: Table = [
    ("GET", "/institutions/{institution_id}/health", read_health),
    ("POST", "/institutions/{institution_id}/health", change_health),
]
