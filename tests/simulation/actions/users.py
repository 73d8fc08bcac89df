"""What users and their apps do."""

from __future__ import annotations

import json
import random
from typing import Any

from emulators.plaid import linking
from emulators.plaid.errors import PlaidError
from tests.simulation.actions import action
from tests.simulation.story import Event
from tests.simulation.world import Person, World

BANKS = ("ins_109508", "ins_109509", "ins_56", "ins_13")
PATIENCE = 60.0  # seconds that an app waits for an answer


def login(person: Person, chance: random.Random) -> dict[str, str]:
    """One of the person's logins at banks: the same one always shows the same accounts."""
    number = chance.randrange(3)
    bank = BANKS[(int(person.uid.removeprefix("user-")) + number) % len(BANKS)]
    password = json.dumps({"transactions": 12 + number, "seed": number + 10 * int(person.uid.removeprefix("user-"))})
    return {"institution_id": bank, "username": "user_generated", "password": password}


def ask(
    world: World,
    person: Person,
    name: str,
    method: str,
    path: str,
    *,
    body: Any = None,
    tries: int = 1,
    query: Any = None,
) -> Any:
    """Calls the API as an app does, and repeats a call that got no answer or a 5xx. None if all tries failed."""
    for attempt in range(tries):
        call = world.backend.http(name, method, path, uid=person.uid, body=body, query=query)
        call.wait(PATIENCE)
        if call.value is not None and call.value[0] < 500:
            return call.value
        world.loop.sleep(2.0 * (attempt + 1))
    return None


def link_token(world: World, person: Person, **fields: Any) -> str | None:
    """A link token for Link, or for update mode."""
    answer = ask(world, person, "create_link_token", "GET", "/api/v1/bank/connect", query=fields, tries=2)
    return answer[1]["link_token"] if answer is not None and answer[0] == 200 else None


def in_link(world: World, token: str, chance: random.Random, given: dict[str, str]) -> dict[str, Any] | None:
    """The user logs in at the bank and shares accounts, all of them or some."""
    world.loop.sleep(chance.uniform(5, 200))
    try:
        session = linking.begin(world.plaid.world, token)
        update = session.token.update_item
        if update is not None:
            known = world.plaid.world.items[update].login
            given = {"institution_id": given["institution_id"], "username": known.username, "password": known.password}
        accounts = linking.log_in(world.plaid.world, session, **given)
        ids = [account.account_id for account in accounts]
        if chance.random() < 0.25 and len(ids) > 1:
            ids = chance.sample(ids, chance.randrange(1, len(ids)))
        return linking.finish(world.plaid.world, session, ids)
    except (PlaidError, KeyError):
        return None


def exchange(world: World, person: Person, done: dict[str, Any], chance: random.Random, **fields: Any) -> Any:
    """The app hands over what Link returned; a lost answer makes it ask again."""
    metadata = done["metadata"]
    body = {
        "public_token": done["public_token"],
        "institution": metadata["institution"],
        "accounts": metadata["accounts"],
    }
    body["accounts"] = [{k: a[k] for k in ("id", "name", "mask", "type", "subtype")} for a in body["accounts"]]
    return ask(
        world,
        person,
        "exchange_public_token",
        "POST",
        "/api/v1/bank/set_access_token",
        body=body | fields,
        tries=chance.choice((1, 3, 3)),
    )


@action("link", per_year=8)
def link(world: World, event: Event) -> None:
    """A user connects a bank, perhaps one that is connected already."""
    person, chance = world.people[event.user], event.chance()

    def work() -> None:
        token = link_token(world, person)
        done = in_link(world, token, chance, login(person, chance)) if token else None
        if done is None:
            return
        answer = exchange(world, person, done, chance)
        if answer is not None and answer[0] == 409 and chance.random() < 0.3:
            again = link_token(world, person)
            done = in_link(world, again, chance, login(person, event.chance())) if again else None
            if done is not None:
                exchange(world, person, done, chance, allow_duplicate=True)

    world.app(work)


@action("replace", per_year=3)
def replace(world: World, event: Event) -> None:
    """A user links a bank again, and chooses to replace the old connection."""
    person, chance = world.people[event.user], event.chance()

    def work() -> None:
        mine = [(c, item) for c in world.connections_of(person) if (item := world.item_of(c)) is not None]
        token = link_token(world, person) if mine else None
        if token is None:
            return
        connection, item = chance.choice(mine)
        bank, known = item.institution.institution_id, item.login
        given = {"institution_id": bank, "username": known.username, "password": known.password}
        done = in_link(world, token, chance, given)
        if done is not None:
            exchange(world, person, done, chance, replaces=connection.connection_id)

    world.app(work)


@action("repair", per_year=30)
def repair(world: World, event: Event) -> None:
    """A user follows what the app asks for: update mode."""
    person, chance = world.people[event.user], event.chance()

    def work() -> None:
        broken = [c for c in world.connections_of(person) if c.action is not None and c.action != "relink"]
        if not broken:
            return
        connection = chance.choice(broken)
        token = link_token(world, person, connection_id=connection.connection_id)
        done = in_link(world, token, chance, login(person, chance)) if token else None
        if done is None:
            return
        if chance.random() < 0.2:
            exchange(world, person, done, chance)
        elif chance.random() < 0.9:
            path = f"/api/v1/bank/connections/{connection.connection_id}/reconnected"
            ask(world, person, "reconnect_connection", "POST", path, body={}, tries=3)

    world.app(work)


@action("refresh", per_year=20)
def refresh(world: World, event: Event) -> None:
    """A user asks for fresh data."""
    person, chance = world.people[event.user], event.chance()

    def work() -> None:
        mine = world.connections_of(person)
        if mine:
            path = f"/api/v1/bank/connections/{chance.choice(mine).connection_id}/sync"
            ask(world, person, "sync_connection", "POST", path, body={})

    world.app(work)


@action("write_note", per_year=30)
def write_note(world: World, event: Event) -> None:
    """A user writes a note on a transaction, directly in the store, as the security rules allow."""
    person, chance, store = world.people[event.user], event.chance(), world.backend.store
    rows = [
        (c.connection_id, row)
        for c in world.connections_of(person)
        for row in sorted(store.rows.get(c.connection_id, {}))
    ]
    if rows:
        connection_id, transaction_id = chance.choice(rows)
        text = f"note {event.at}"
        store.write_note(connection_id, transaction_id, text)
        person.notes[connection_id, transaction_id] = text


@action("remove", per_year=3)
def remove(world: World, event: Event) -> None:
    """A user removes a connection."""
    person, chance = world.people[event.user], event.chance()

    def work() -> None:
        mine = world.connections_of(person)
        if not mine:
            return
        connection = chance.choice(mine)
        world.asked_removals[connection.item_id] = "its user removed it"
        path = f"/api/v1/bank/connections/{connection.connection_id}"
        answer = ask(world, person, "remove_connection", "DELETE", path, tries=2)
        if answer is not None and answer[0] == 202:
            person.removed.add(connection.connection_id)

    world.app(work)


@action("erase", per_year=0.3)
def erase(world: World, event: Event) -> None:
    """A user erases all bank data."""
    person = world.people[event.user]

    def work() -> None:
        for item in world.items_of(person):
            world.asked_removals[item.item_id] = "its user erased everything"
        person.erased_at.append(world.loop.microseconds)
        ask(world, person, "delete_bank_data", "DELETE", "/api/v1/bank/data", tries=2)

    world.app(work)
