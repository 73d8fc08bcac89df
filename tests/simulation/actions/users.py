"""What every action of a user needs: calls of the API, Link, and the exchange. And the plainest one: linking a bank."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from typing import Any

from emulators.plaid import institutions, linking
from emulators.plaid.bank import Account
from emulators.plaid.errors import PlaidError
from emulators.plaid.items import Item
from tests.simulation.actions import action
from tests.simulation.loop import Task
from tests.simulation.scenario import Event
from tests.simulation.world import Person, World

BANKS = ("ins_109508", "ins_109509", "ins_56", "ins_13")
BANK_ABROAD = "ins_117650"  # in the United Kingdom
LOGINS = 3  # of one person
PATIENCE = 60.0  # seconds that an app waits for an answer
CONNECTIONS = "/api/v1/bank/connections"
EXCHANGE = ("exchange_public_token", "POST", "/api/v1/bank/set_access_token")
NOT_EXCHANGED = "its exchange did not succeed"
HOUR, DAY = 3600.0, 86_400.0

Login = dict[str, str]
Done = dict[str, Any]  # what Link returned, with the ids of the item and of its link token
Answer = tuple[int, Any] | None  # None: the app got no answer, or only 5xx


# -- Calls -------------------------------------------------------------------------------------------------------------


def ask(
    world: World,
    person: Person,
    name: str,
    method: str,
    path: str,
    *,
    body: Any = None,
    query: Any = None,
    tries: int = 1,
    patience: float = PATIENCE,
) -> Answer:
    """Calls the API as an app does, and repeats a call that got no answer or a 5xx. None if all tries failed."""
    for attempt in range(tries):
        call = world.backend.http(name, method, path, uid=person.uid, body=body, query=query)
        call.wait(patience)
        if call.value is not None and call.value[0] < 500:
            answer: tuple[int, Any] = call.value
            return answer
        world.loop.sleep(2.0 * (attempt + 1))
    return None


def both(first: Task, second: Task) -> tuple[Any, Any]:
    """Waits for what two devices do at the same time; None for one that died."""
    first.wait()
    second.wait()
    return first.value, second.value


# -- Link --------------------------------------------------------------------------------------------------------------


def login(person: Person, chance: random.Random) -> Login:
    """One of the person's logins at banks: the same one always shows the same accounts."""
    number = chance.randrange(LOGINS)
    bank = BANKS[(person.number + number) % len(BANKS)]
    if person.abroad and number == 1:
        bank = BANK_ABROAD
    if number == LOGINS - 1:
        return {"institution_id": bank, "username": "user_custom", "password": investor(person.number)}
    many = number == 0 and person.number == 0  # more than a page of Plaid's
    password = json.dumps({"transactions": 640 if many else 12 + number, "seed": number + 10 * person.number})
    return {"institution_id": bank, "username": "user_generated", "password": password}


def investor(number: int) -> str:
    """A custom user with data of every product: a current account, a card, a student loan and a brokerage account."""

    def held(ticker: str, quantity: int) -> dict[str, Any]:
        security = {"ticker_symbol": ticker, "name": ticker, "currency": "USD"}
        return {
            "security": security,
            "quantity": quantity,
            "institution_price": 10.5,
            "cost_basis": 9,
            "currency": "USD",
        }

    def traded(day: int) -> dict[str, Any]:
        security = {"ticker_symbol": "ACME", "name": "ACME", "currency": "USD"}
        date = f"2025-12-{day:02}"
        return {"date": date, "name": f"BUY {day}", "quantity": day, "price": 10.5, "type": "buy", "security": security}

    def booked(day: str, amount: float, name: str) -> dict[str, Any]:
        return {"date_transacted": day, "date_posted": day, "amount": amount, "description": name, "currency": "USD"}

    days = [f"2025-{month:02}-03" for month in range(6, 13)]
    loan = {"type": "student", "origination_date": "2021-09-01", "principal": 24_500, "nominal_apr": 5.05}
    accounts = [
        {
            **_account("depository", "checking", "Current", number),
            "transactions": [booked(day, 9.99, "Video service") for day in days],
        },
        {
            **_account("credit", "credit card", "Card", number),
            "liability": {"type": "credit", "purchase_apr": 19.24, "minimum_payment_amount": 40},
        },
        {**_account("loan", "student", "Loan", number), "liability": loan},
        {
            **_account("investment", "brokerage", "Broker", number),
            "holdings": [held("ACME", 10), held("FUND", 4)],
            "investment_transactions": [traded(day) for day in range(1, 13)],
        },
    ]
    return json.dumps({"version": "2", "seed": f"investor-{number}", "override_accounts": accounts})


def _account(kind: str, subtype: str, name: str, number: int) -> dict[str, Any]:
    meta = {"name": name, "official_name": name, "mask": f"{number}{len(name)}{len(subtype):02}"[-4:]}
    return {"type": kind, "subtype": subtype, "starting_balance": 1000, "currency": "USD", "meta": meta}


def login_of(item: Item) -> Login:
    """The login of an item."""
    known = item.login
    return {
        "institution_id": item.institution.institution_id,
        "username": known.username,
        "password": known.password,
    }


def names(accounts: Iterable[Account]) -> set[tuple[str, str | None]]:
    """How a user tells accounts apart: an id belongs to one item only."""
    return {(account.name, account.mask) for account in accounts}


def link_token(world: World, person: Person, **fields: Any) -> str | None:
    """A link token for Link, or for update mode."""
    answer = ask(world, person, "create_link_token", "GET", "/api/v1/bank/connect", query=fields, tries=2)
    return answer[1]["link_token"] if answer is not None and answer[0] == 200 else None


def country_of(world: World, given: Login) -> dict[str, list[str]]:
    """What the app sends about the country of the bank; nothing in a world where all banks are in one country."""
    return {"country_codes": [institutions.find(given["institution_id"]).countries[0]]} if world.two_pairs else {}


def some(accounts: list[Account], chance: random.Random) -> list[str]:
    """The accounts that a user chooses: mostly all of them."""
    ids = [account.account_id for account in accounts]
    return chance.sample(ids, chance.randrange(1, len(ids))) if len(ids) > 1 and chance.random() < 0.25 else ids


def in_link(
    world: World,
    person: Person,
    token: str,
    chance: random.Random,
    given: Login,
    wanted: set[tuple[str, str | None]] | None = None,
) -> Done | None:
    """The user logs in at the bank and shares accounts: those `wanted`, else all of them or some.

    In update mode the login is that of the item, and an account that the user stops sharing takes its notes along.
    """
    world.loop.sleep(chance.uniform(5, 200))
    try:
        session = linking.begin(world.plaid.world, token)
        updated = world.plaid.world.items.get(session.token.update_item or "")
        if updated is not None:
            given = login_of(updated)
        accounts = linking.log_in(world.plaid.world, session, **given)
        ids = [a.account_id for a in accounts if wanted and (a.name, a.mask) in wanted] or some(accounts, chance)
        before = [account.account_id for account in updated.accounts] if updated is not None else []
        done: Done = linking.finish(world.plaid.world, session, ids)
    except (PlaidError, KeyError):
        return None
    item = world.plaid.world.items[world.plaid.world.public_tokens[done["public_token"]].item_id]
    stopped_sharing(world, person, item, before)
    return done | {"item_id": item.item_id, "link_token": token}


def stopped_sharing(world: World, person: Person, item: Item, before: list[str]) -> None:
    """The expectation of the notes ends for the accounts that the item had before, and has no more.

    A bank may have moved a row to another account since the note was written: Plaid's account of a row counts, too.
    """
    gone = set(before) - {account.account_id for account in item.accounts}
    hidden = {row.transaction_id for row in item.hidden_rows if row.account_id in gone}
    for connection in world.connections_of(person):
        if connection.item_id == item.item_id:
            for account_id in sorted(gone):
                person.forget_notes(connection.connection_id, account_id)
            rows = world.backend.store.rows.get(connection.connection_id, {})
            for transaction_id, fields in rows.items():
                if transaction_id in hidden or fields["account_id"] in gone:
                    person.forget_note((fields.get("user") or {}).get("note", ""))


def go_through_link(world: World, person: Person, chance: random.Random, **more: Any) -> Done | None:
    """Links a bank, up to Link's success."""
    given = more.pop("given", None) or login(person, chance)
    token = link_token(world, person, **country_of(world, given))
    return in_link(world, person, token, chance, given, **more) if token else None


# -- The exchange ------------------------------------------------------------------------------------------------------


def handed_over(done: Done, chance: random.Random) -> dict[str, Any]:
    """The body of an exchange: what Link returned, some of it or all of it."""
    metadata = done["metadata"]
    body = {"public_token": done["public_token"]}
    if chance.random() < 0.9:
        kept = ["id", "mask", "type", "subtype"]
        if chance.random() < 0.9:  # some SDKs send no names
            kept.append("name")
        accounts = [{key: account[key] for key in kept} for account in metadata["accounts"]]
        body |= {"institution": metadata["institution"], "accounts": accounts}
    return body | ({"link_token": done["link_token"]} if chance.random() < 0.3 else {})


def may_be_removed(world: World, done: Done) -> None:
    """Until its exchange succeeds, a new item may be removed at any time."""
    if world.plaid.world.items[done["item_id"]].access_token is None:
        world.asked_removals.setdefault(done["item_id"], NOT_EXCHANGED)


def is_connected(world: World, done: Done) -> None:
    """From now on, the item must not be removed without a reason of its own."""
    if world.asked_removals.get(done["item_id"]) == NOT_EXCHANGED:
        del world.asked_removals[done["item_id"]]


def exchange(
    world: World,
    person: Person,
    done: Done,
    chance: random.Random,
    *,
    tries: int | None = None,
    patience: float = PATIENCE,
    **fields: Any,
) -> Answer:
    """The app hands over what Link returned; a lost answer makes it ask again."""
    may_be_removed(world, done)
    body = handed_over(done, chance) | fields
    tries = tries or chance.choice((1, 3, 3))
    answer = ask(world, person, *EXCHANGE, body=body, tries=tries, patience=patience)
    if code_of(answer) == "link_token_required":
        body["link_token"] = done["link_token"]
        answer = ask(world, person, *EXCHANGE, body=body, tries=tries, patience=patience)
    if ("/item/public_token/exchange", done["item_id"]) in world.plaid.misdirected:
        world.violated(f"the public token of {done['item_id']} was sent with the other region's keys")
    if succeeded(answer):
        is_connected(world, done)
    if code_of(answer) == "invalid_input":  # metadata are only hints
        world.violated(f"an exchange was refused because of its metadata: {sorted(body)}")
    return answer


def exchange_or_insist(world: World, person: Person, done: Done, chance: random.Random) -> None:
    """Exchanges, and at times insists although some of the accounts are connected already."""
    answer = exchange(world, person, done, chance)
    if answer is not None and answer[0] == 409 and chance.random() < 0.4:
        exchange(world, person, done, chance, allow_duplicate=True)


def succeeded(answer: Answer) -> bool:
    """Whether the app got what it asked for."""
    return answer is not None and answer[0] < 300


def code_of(answer: Answer) -> str | None:
    """The code of the error that the app got."""
    if answer is None or answer[0] < 400 or not isinstance(answer[1], dict):
        return None
    details = answer[1]["error"].get("details") or {}
    return str(details.get("code"))


@action("link", per_year=5)
def link(world: World, event: Event) -> None:
    """A user connects a bank, perhaps one that is connected already."""
    person, chance = world.people[event.user], event.chance()

    def work() -> None:
        done = go_through_link(world, person, chance)
        if done is not None:
            exchange_or_insist(world, person, done, chance)

    world.app(work)
