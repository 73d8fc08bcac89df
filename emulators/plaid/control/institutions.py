"""/_sim/institutions: outages of an institution, and its health as Plaid reports it."""

from starlette.requests import Request

from emulators.plaid import announcements, health, institutions, outages
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
    """Orders an outage, or its end, which Plaid's status follows after a while.

    `parts` changes only the status of these parts, at once; `reported: false` is for an institution without a status.
    """
    only(body, *outages.ORDERS, "parts", "reported")
    institution_id = request.path_params["institution_id"]
    known = world.health_of(institutions.find(institution_id))
    if "parts" in body:
        _change_status(world, known, body)
    elif set(body) & set(outages.ORDERS):
        world.outages.order(institution_id, body)
    known.reported = bool(body.get("reported", known.reported))
    return _described(world, institution_id)


def _change_status(world: World, known: health.InstitutionHealth, body: Json) -> None:
    only(body, *outages.FIELDS, "parts", "reported")
    parts = [str(part) for part in body["parts"]]
    if unknown := sorted(set(parts) - set(health.PARTS)):
        raise Refused(f"unknown parts: {', '.join(unknown)}; known: {', '.join(health.PARTS)}")
    known.change(parts, world.clock.now(), **health.read_shares(body))


async def truth(world: World, request: Request, _: Json) -> Json:
    institution_id = institutions.find(request.path_params["institution_id"]).institution_id
    return {"institution_id": institution_id, "intervals": world.outages.intervals(institution_id)}


async def alert(world: World, request: Request, body: Json) -> Json:
    """Sends the webhook that a team can configure in Plaid's Dashboard to `url`."""
    only(body, "url")
    institution = institutions.find(request.path_params["institution_id"])
    success = world.health_of(institution).parts["item_logins"].success
    world.webhooks.post(str(body["url"]), announcements.status_alert(institution.institution_id, success))
    return {"sent": True}


ROUTES: Table = [
    ("GET", "/institutions/{institution_id}/health", read_health),
    ("POST", "/institutions/{institution_id}/health", change_health),
    ("GET", "/institutions/{institution_id}/health/truth", truth),
    ("POST", "/institutions/{institution_id}/alert", alert),
]
