"""/_sim/faults and /_sim/webhooks: inject faults and list deliveries."""

from collections.abc import Collection
from dataclasses import fields
from typing import TypeVar

from starlette.requests import Request

from emulators.plaid.control.base import Json, Refused, Table, only
from emulators.plaid.faults import KINDS, MODES, ErrorClass, Rule, WebhookFault
from emulators.plaid.fields import ENDPOINTS
from emulators.plaid.world import World

R = TypeVar("R", bound=Rule)


def _rule(kind: type[R], body: Json, word: str, allowed: Collection[str]) -> R:
    only(body, *(field.name for field in fields(kind)))
    if body.get(word) not in allowed:
        raise Refused(f"{word} must be one of: {', '.join(allowed)}")
    for name in ("rate", "seconds"):
        if name in body:
            body[name] = float(body[name])
    return kind(**body)


async def list_faults(world: World, _: Request, __: Json) -> Json:
    return {"faults": world.faults.as_list()}


async def add_fault(world: World, request: Request, body: Json) -> Json:
    fault = _rule(ErrorClass, body, "kind", KINDS)
    if fault.endpoint not in {"*", *ENDPOINTS}:
        raise Refused(f"unknown endpoint {fault.endpoint}")
    world.faults.rules.append(fault)
    return await list_faults(world, request, body)


async def clear_faults(world: World, request: Request, body: Json) -> Json:
    world.faults.rules.clear()
    return await list_faults(world, request, body)


async def list_webhooks(world: World, request: Request, _: Json) -> Json:
    wanted = request.query_params.get("item_id")
    return {"webhooks": [sent.as_object() for sent in world.webhooks.log if wanted in {None, sent.item_id}]}


async def list_webhook_faults(world: World, _: Request, __: Json) -> Json:
    return {"faults": world.webhook_faults.as_list()}


async def add_webhook_fault(world: World, request: Request, body: Json) -> Json:
    world.webhook_faults.rules.append(_rule(WebhookFault, body, "mode", MODES))
    return await list_webhook_faults(world, request, body)


async def clear_webhook_faults(world: World, request: Request, body: Json) -> Json:
    world.webhook_faults.rules.clear()
    return await list_webhook_faults(world, request, body)


async def rotate_key(world: World, _: Request, __: Json) -> Json:
    old = world.keys.current
    return {"retired": old, "current": world.keys.rotate()}


ROUTES: Table = [
    ("GET", "/faults", list_faults),
    ("POST", "/faults", add_fault),
    ("DELETE", "/faults", clear_faults),
    ("GET", "/webhooks", list_webhooks),
    ("GET", "/webhooks/faults", list_webhook_faults),
    ("POST", "/webhooks/faults", add_webhook_fault),
    ("DELETE", "/webhooks/faults", clear_webhook_faults),
    ("POST", "/webhooks/rotate_key", rotate_key),
]
