"""/_sim/items: create Items, look inside them, and change what their banks say."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from emulators.plaid.clock import iso
from emulators.plaid.control import Action, Refused, item_of, truth_of
from emulators.plaid.items import Item
from emulators.plaid.world import World

Json = dict[str, Any]


def describe(world: World, item: Item) -> Json:
    return {
        "item_id": item.item_id,
        "state": item.state,
        "access_token": item.access_token,
        "institution_id": item.institution.institution_id,
        "username": item.username,
        "products": item.products,
        "webhook": item.webhook,
        "readiness": item.readiness,
        "sync_called": item.sync_called,
        "accounts": len(item.accounts),
        "log_length": len(item.log),
        "created_at": iso(item.created_at),
        "consent_expires": iso(item.consent_expires) if item.consent_expires else None,
        "calls": dict(world.calls_of_item.get(item.item_id, {})),
    }


async def list_items(world: World, _: Request, __: Json) -> Json:
    return {"items": [describe(world, item) for item in world.items.values()]}


async def create_item(world: World, _: Request, body: Json) -> Json:
    """An Item without Link: the fields of /sandbox/public_token/create in short, and an access token at once."""
    known = {"institution_id", "products", "username", "password", "webhook", "days", "user_id", "exchange"}
    if unknown := sorted(set(body) - known):
        raise Refused(f"unknown fields: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    exchange = body.pop("exchange", True)
    institution_id, products = body.pop("institution_id", "ins_109508"), body.pop("products", ["transactions"])
    item = world.create_item(institution_id, products, **body)
    token = world.new_access_token(item) if exchange else None
    return {"item_id": item.item_id, "access_token": token, "public_token": world.new_public_token(item)}


async def show_item(world: World, request: Request, _: Json) -> Json:
    item = item_of(world, request)
    return {**describe(world, item), "item": item.with_consent(), "status": item.status()}


async def truth(world: World, request: Request, _: Json) -> Response:
    return truth_of(item_of(world, request))


ROUTES: list[tuple[str, str, Action]] = [
    ("GET", "/items", list_items),
    ("POST", "/items", create_item),
    ("GET", "/items/{item_id}", show_item),
    ("GET", "/items/{item_id}/truth", truth),
]
