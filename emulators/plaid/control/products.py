"""/_sim/items/<id>/products: inspect the data of the other products, and set how it behaves."""

from collections.abc import Collection
from datetime import timedelta

from starlette.requests import Request

from emulators.plaid import extraction
from emulators.plaid.control.base import Json, Refused, Table, item_of, only
from emulators.plaid.control.recurring import streams_of
from emulators.plaid.items import Item
from emulators.plaid.liabilities import liabilities_of
from emulators.plaid.product_data import KINDS
from emulators.plaid.world import World


async def show_products(world: World, request: Request, _: Json) -> Json:
    """All data of the other products, as a client that has read everything must have it."""
    item = item_of(world, request)
    return {
        "holdings": [entry["holding"] for account in item.accounts for entry in account.holdings],
        "investment_transactions": [
            entry["transaction"] for account in item.accounts for entry in account.investment_transactions
        ],
        "liabilities": liabilities_of(item.accounts),
        "recurring": streams_of(world, item),
        **_behaviour(item),
    }


async def change_products(world: World, request: Request, body: Json) -> Json:
    """Sets how the data behaves. A field that is present replaces what it set before.

    `not_ready`: seconds until the data is ready, null for no end, by kind of data; `slow_first_call`: the seconds that
    the next call takes, by kind; `hollow`: kinds whose answers are empty; `wrong_sign_on_sells`; `balances_age`: the
    age of cached balances in seconds, null for the usual one; `announce`: kinds whose webhook is sent.
    """
    only(body, "not_ready", "slow_first_call", "hollow", "wrong_sign_on_sells", "balances_age", "announce")
    item, now = item_of(world, request), world.clock.now()
    other = item.other
    for name in ("not_ready", "slow_first_call", "hollow", "announce"):
        _check_kinds(body.get(name, ()))
    if "not_ready" in body:
        until = {kind: _later(seconds) for kind, seconds in body["not_ready"].items()}
        other.not_ready = {kind: (now + wait).isoformat() if wait else None for kind, wait in until.items()}
    if "slow_first_call" in body:
        other.slow_first_call = {kind: float(seconds) for kind, seconds in body["slow_first_call"].items()}
    if "hollow" in body:
        other.hollow = list(body["hollow"])
    if "wrong_sign_on_sells" in body:
        other.wrong_sign_on_sells = bool(body["wrong_sign_on_sells"])
    if "balances_age" in body:
        age = _later(body["balances_age"])
        other.balances_updated = None if age is None else (now - age).isoformat()
    sent = extraction.announce(world, item, *body.get("announce", ()))
    return {**_behaviour(item), "sent": sent}


def _behaviour(item: Item) -> Json:
    other = item.other
    return {
        "not_ready": other.not_ready,
        "slow_first_call": other.slow_first_call,
        "hollow": other.hollow,
        "wrong_sign_on_sells": other.wrong_sign_on_sells,
        "balances_updated": other.balances_updated,
    }


def _later(seconds: object) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=float(str(seconds)))


def _check_kinds(kinds: Collection[str]) -> None:
    if unknown := sorted(set(kinds) - set(KINDS)):
        raise Refused(f"unknown kinds of data: {', '.join(unknown)}; known: {', '.join(KINDS)}")


ROUTES: Table = [
    ("GET", "/items/{item_id}/products", show_products),
    ("POST", "/items/{item_id}/products", change_products),
]
