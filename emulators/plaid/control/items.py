"""/_sim/items: create and inspect Items, and change their bank data."""

from collections.abc import AsyncIterator
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from emulators.plaid import announcements, institutions, wire
from emulators.plaid.billing import part_of
from emulators.plaid.clock import iso
from emulators.plaid.control.base import JSON_TYPE, Json, Refused, Table, item_of, only
from emulators.plaid.ids import derive
from emulators.plaid.items import Item, Readiness
from emulators.plaid.merchants import recognise
from emulators.plaid.people import custom, custom_products, dynamic
from emulators.plaid.synclog import SWITCHES, Row
from emulators.plaid.transactions import Booking, to_row
from emulators.plaid.world import World

_ROWS_PER_CHUNK = 500
_ACCOUNT_FIELDS = ("name", "official_name", "mask", "current", "available", "limit", "currency", "subtype")


def describe(world: World, item: Item) -> Json:
    return {
        "item_id": item.item_id,
        "state": item.state,
        "access_token": item.access_token,
        "institution_id": item.institution.institution_id,
        "username": item.login.username,
        "client_user_id": item.client_user_id,
        "products": item.products,
        "webhook": item.webhook,
        "readiness": item.readiness,
        "sync_called": item.sync_called,
        "accounts": len(item.accounts),
        "log_length": len(item.log),
        "created_at": iso(item.created_at),
        "consent_expires": iso(item.consent_expires) if item.consent_expires else None,
        "consented_products": item.consent.among(item.institution.products),
        "missing_consents": item.consent.withdrawn,
        "refused_products": item.consent.refused,
        "billed": item.bill.units(world.clock.today()),
        "calls": dict(world.calls_of_item.get(item.item_id, {})),
    }


async def list_items(world: World, _: Request, __: Json) -> Json:
    return {"items": [describe(world, item) for item in world.items.values()]}


async def create_item(world: World, _: Request, body: Json) -> Json:
    """Creates an Item without Link, from the main fields of /sandbox/public_token/create; returns its access token."""
    known = ("institution_id", "products", "username", "password", "webhook", "days", "user_id", "exchange", "team")
    only(body, *known, "history_stops_at")
    exchange, stops_at = body.pop("exchange", True), body.pop("history_stops_at", None)
    institution_id, products = body.pop("institution_id", "ins_109508"), body.pop("products", ["transactions"])
    item = world.create_item(institution_id, products, **body)
    if stops_at is not None:
        _stop_history(world, item, stops_at)
    token = world.new_access_token(item) if exchange else None
    return {"item_id": item.item_id, "access_token": token, "public_token": world.new_public_token(item)}


async def show_item(world: World, request: Request, _: Json) -> Json:
    item = item_of(world, request)
    return {**describe(world, item), "item": item.with_consent(), "status": item.status()}


async def truth(world: World, request: Request, _: Json) -> Response:
    return _truth(item_of(world, request))


async def change_transactions(world: World, request: Request, body: Json) -> Json:
    """Adds, modifies, touches (modified without a change), posts and removes transactions, in this order.

    `odd` in an added or modified row holds fields that are sent unchanged, valid or not.
    """
    only(body, "add", "modify", "touch", "post", "remove", "notify")
    item = item_of(world, request)
    before, today = len(item.log), world.clock.today()
    added = [_add(world, item, written) for written in body.get("add", [])]
    for change in body.get("modify", []):
        _modify(item, change)
    for transaction_id in body.get("touch", []):
        item.log.put(_row(item, transaction_id))
    posted = {old: dynamic.post(item.log, _row(item, old), today) for old in body.get("post", [])}
    removed = [*posted]
    for transaction_id in body.get("remove", []):
        _row(item, transaction_id)
        item.log.remove(transaction_id)
        removed.append(transaction_id)
    if body.get("notify", True):
        world.announce_changes(item, before, removed)
    return {"added": added, "posted": posted, "removed": removed, "log_length": len(item.log)}


def _row(item: Item, transaction_id: str) -> Row:
    row = item.log.get(str(transaction_id))
    if row is None:
        raise Refused(f"no such transaction: {transaction_id}", 404)
    return row


def _add(world: World, item: Item, written: Json) -> str:
    odd = written.pop("odd", {})
    covered = next((account.account_id for account in item.accounts if account.has_transactions), None)
    account_id = written.get("account_id", covered)
    if account_id is None:
        raise Refused("the Item has no account for transactions")
    identifier = written.get("transaction_id") or derive(item.item_id, "added", len(item.log))
    name = written.get("name", "Simulated transaction")
    booking = Booking(
        identifier,
        account_id,
        written.get("amount", 1),
        written.get("date", str(world.clock.today())),
        name,
        authorized=written.get("authorized_date"),
        pending=written.get("pending", False),
        merchant=recognise(str(name)),
        changes={**written, "account_id": account_id, "transaction_id": identifier},
    )
    item.log.put(_spoiled(booking.as_row(), odd))
    return identifier


def _modify(item: Item, change: Json) -> None:
    odd = change.pop("odd", {})
    row = _row(item, change.get("transaction_id", ""))
    whole = {**wire.loads(row.body), "transaction_id": row.transaction_id, "account_id": row.account_id, **change}
    item.log.put(_spoiled(to_row(whole, wire.loads(row.original_description)), odd))


def _spoiled(row: Row, odd: Json) -> Row:
    """The row as a faulty bank sends it, with fields of any type, ids included. The log keeps its real ids."""
    return row._replace(body=wire.dumps({**wire.loads(row.body), **odd})) if odd else row


async def change_accounts(world: World, request: Request, body: Json) -> Json:
    """Offers a new account (for account selection in update mode), or adds, changes or revokes one."""
    only(body, "offer", "add", "change", "revoke", "announce")
    item, announce = item_of(world, request), body.get("announce", True)
    today = world.clock.today()
    for name in ("offer", "add"):
        for override in body.get(name, []):
            place = len(item.accounts) + len(item.hidden_accounts) + 1000
            account, bookings = custom.read_account(override, place, item.item_id, today)
            rows = [booking.as_row() for booking in bookings]
            if name == "offer":
                item.hidden_accounts.append(account)
                item.hidden_rows += rows
            else:
                item.add_account(account, rows)
    if body.get("offer") and announce:
        world.webhooks.send(item, announcements.new_accounts_available())
    for change in body.get("change", []):
        only(change, "account_id", "identity", *_ACCOUNT_FIELDS)
        account = item.account(change.pop("account_id", ""))
        if "identity" in change:
            account.owners = custom_products.owners(change.pop("identity"))
        for name, value in change.items():
            setattr(account, name, value)
    for account_id in body.get("revoke", []):
        before = len(item.log)
        removed = item.unshare_account(item.account(account_id))
        if announce:
            world.webhooks.send(item, announcements.user_account_revoked(account_id))
            world.announce_changes(item, before, removed)
    return {"accounts": [account.as_object() for account in item.accounts], "offered": len(item.hidden_accounts)}


async def change_state(world: World, request: Request, body: Json) -> Json:
    """Sets the Item's state: its login, the consent to `products`, its removal."""
    only(body, "state", "code", "reason", "in_seconds", "announce", "products")
    item, announce = item_of(world, request), body.get("announce")
    match body.get("state"):
        case "healthy":
            world.heal_item(item, announce=bool(announce))
            item.consent.withdrawn, item.consent.refused = [], []
        case "login_required":
            world.fail_item(item, "ITEM_LOGIN_REQUIRED", reason=body.get("reason"), announce=announce is not False)
        case "error":
            code = str(body.get("code", "ITEM_LOCKED"))
            world.fail_item(item, code, reason=body.get("reason"), announce=announce is not False)
        case "consent_missing":
            item.consent.withdrawn = _products(body)
        case "access_not_granted":
            item.consent.refused = _products(body)
        case "expiring":
            world.expire_consent(item, world.clock.now() + timedelta(seconds=float(body.get("in_seconds", 7 * 86400))))
        case "revoked":
            world.revoke_item(item, announce=announce is not False)
        case "removed":
            world.remove_item(item)
        case other:
            known = "healthy, login_required, error, consent_missing, access_not_granted, expiring, revoked or removed"
            raise Refused(f"unknown state {other}: {known}")
    return describe(world, item)


def _products(body: Json) -> list[str]:
    return list(dict.fromkeys(part_of(str(product)) for product in body.get("products", ["transactions"])))


async def change_sync(world: World, request: Request, body: Json) -> Json:
    """Sets the switches of the Item's change log, and history_stops_at."""
    only(body, *SWITCHES, "history_stops_at")
    item = item_of(world, request)
    if "history_stops_at" in body:
        _stop_history(world, item, body.pop("history_stops_at"))
    if "cursor_cycle" in body:
        item.log.cursor_cycle = _whole_number(body.pop("cursor_cycle"))
    for name, value in body.items():
        setattr(item.log, name, bool(value))
    return {**{name: getattr(item.log, name) for name in SWITCHES}, "history_stops_at": item.history_stops_at}


def _stop_history(world: World, item: Item, until: object) -> None:
    """Limits the bank's history to nothing (NOT_READY) or the last 30 days, until it is null again."""
    if until not in (None, Readiness.NOT_READY, Readiness.INITIAL):
        raise Refused(f"history_stops_at must be {Readiness.NOT_READY}, {Readiness.INITIAL} or null")
    stops_at = Readiness(str(until)) if until else None
    order = list(Readiness)
    if stops_at and order.index(item.readiness) > order.index(stops_at):
        raise Refused(f"the history is {item.readiness} already", 409)
    item.history_stops_at = stops_at
    if stops_at is None and "transactions" in item.products and item.readiness is not Readiness.HISTORICAL:
        world.begin_extraction(item)


def _whole_number(value: object) -> int:
    number = wire.decimal(value)
    if number is None or number != int(number) or number < 0:
        raise Refused("cursor_cycle must be a whole number, 0 for none")
    return int(number)


async def change_institution(world: World, request: Request, body: Json) -> Json:
    """Moves the Item to another institution, as after a merger; accounts, history and tokens stay."""
    only(body, "institution_id")
    item = item_of(world, request)
    item.institution = institutions.find(str(body.get("institution_id")))
    return describe(world, item)


async def send_webhook(world: World, request: Request, body: Json) -> Json:
    """Sends any webhook for the Item: {"webhook_type": ..., "webhook_code": ..., ...}."""
    if not {"webhook_type", "webhook_code"} <= set(body):
        raise Refused("webhook_type and webhook_code are needed")
    return {"sent": world.webhooks.send(item_of(world, request), body)}


def _truth(item: Item) -> Response:
    """All current transactions and accounts, exactly as Plaid would send them; streamed because of their number."""

    async def chunks() -> AsyncIterator[bytes]:
        accounts = wire.dumps([account.as_object() for account in item.accounts])
        yield b'{"item_id":' + wire.dumps(item.item_id) + b',"accounts":' + accounts + b',"transactions":['
        buffer: list[bytes] = []
        first = True
        for row in item.log.current():
            buffer.append(row.body if first else b"," + row.body)
            first = False
            if len(buffer) == _ROWS_PER_CHUNK:
                yield b"".join(buffer)
                buffer.clear()
        yield b"".join(buffer) + b"]}"

    return StreamingResponse(chunks(), media_type=JSON_TYPE)


ROUTES: Table = [
    ("GET", "/items", list_items),
    ("POST", "/items", create_item),
    ("GET", "/items/{item_id}", show_item),
    ("GET", "/items/{item_id}/truth", truth),
    ("POST", "/items/{item_id}/transactions", change_transactions),
    ("POST", "/items/{item_id}/accounts", change_accounts),
    ("POST", "/items/{item_id}/state", change_state),
    ("POST", "/items/{item_id}/sync", change_sync),
    ("POST", "/items/{item_id}/institution", change_institution),
    ("POST", "/items/{item_id}/webhook", send_webhook),
]
