"""Apps that pass on odd metadata, users who pass on public tokens, links that overlap, consent that is missing."""

from __future__ import annotations

import random
from typing import Any

from shared.domain.connection import BankConnection
from tests.simulation.actions import action
from tests.simulation.actions.users import (
    EXCHANGE,
    Done,
    ask,
    exchange,
    go_through_link,
    in_link,
    link_token,
    login,
    login_of,
    may_be_removed,
    names,
    succeeded,
)
from tests.simulation.scenario import Event
from tests.simulation.world import Person, World

ODD_ACCOUNTS: tuple[Any, ...] = (
    [{"id": "a", "name": None, "mask": "1234"}],
    [{"id": "a"}, None, 7],
    [{"id": 5, "name": ["Checking"], "mask": 1234, "type": {}, "subtype": None}],
    [],
    None,
)
ODD_INSTITUTIONS: tuple[Any, ...] = (None, {}, {"institution_id": None, "name": None}, {"institution_id": 7}, "a bank")


@action("odd_metadata", per_year=2)
def odd_metadata(world: World, event: Event) -> None:
    """An app passes on what its SDK returned about the bank and the accounts: only hints, so nothing is refused."""
    person, chance = world.people[event.user], event.chance()

    def work() -> None:
        done = go_through_link(world, person, chance)
        if done is None:
            return
        odd = {"accounts": chance.choice(ODD_ACCOUNTS), "institution": chance.choice(ODD_INSTITUTIONS)}
        exchange(world, person, done, chance, tries=2, **odd)

    world.app(work)


@action("public_token_passed_on", per_year=2)
def public_token_passed_on(world: World, event: Event) -> None:
    """Another user's app exchanges the public token and the link token: that is refused."""
    person, chance = world.people[event.user], event.chance()
    other = world.people[(event.user + 1) % len(world.people)]

    def work() -> None:
        done = go_through_link(world, person, chance)
        if done is None or other is person:
            return
        may_be_removed(world, done)
        body = {"public_token": done["public_token"], "link_token": done["link_token"]}
        answer = ask(world, other, *EXCHANGE, body=body)
        if succeeded(answer):
            world.violated(f"{other.uid} exchanged the public token of {person.uid}")
        exchange(world, person, done, chance)

    world.app(work)


@action("link_overlapping", per_year=2)
def link_overlapping(world: World, event: Event) -> None:
    """A user links some accounts of a connected bank again, by mistake: the exchange is refused."""
    person, chance = world.people[event.user], event.chance()

    def work() -> None:
        mine = [c for c in world.connections_of(person) if _is_known(world, c)]
        connection = chance.choice(mine) if mine else None
        item = world.item_of(connection) if connection is not None else None
        if connection is None or item is None:
            return
        wanted = {chance.choice(sorted(names(item.accounts), key=str))} | names(item.hidden_accounts)
        done = go_through_link(world, person, chance, given=login_of(item), wanted=wanted)
        if done is not None:
            _refused(world, person, connection, done, chance)

    world.app(work)


def _is_known(world: World, connection: BankConnection) -> bool:
    item = world.item_of(connection)
    return item is not None and bool(item.accounts) and item.error is None and not (item.removed or item.revoked)


def _refused(world: World, person: Person, connection: BankConnection, done: Done, chance: random.Random) -> None:
    answer = exchange(world, person, done, chance, tries=2)
    store = world.backend.store
    still = store.connections.get(connection.connection_id)
    if answer is None or not succeeded(answer) or still is None or still.status == "error":
        return
    new = store.connections.get(answer[1]["connection_id"])
    if new is None or new.connection_id == still.connection_id or new.institution_id != still.institution_id:
        return
    theirs = [(a["name"], a["mask"]) for a in store.account_rows.get(still.connection_id, {}).values()]
    ours = {(a["name"], a["mask"]) for a in done["metadata"]["accounts"] if a["name"] and a["mask"]}
    if answer[1]["account_ids"] and (both := ours & set(theirs)):
        world.violated(f"{sorted(both)} were linked again without allow_duplicate")


@action("give_consent", per_year=12)
def give_consent(world: World, event: Event) -> None:
    """A user follows the request for more consent: update mode asks for what the connection lacks."""
    person, chance = world.people[event.user], event.chance()

    def work() -> None:
        lacking = [c for c in world.connections_of(person) if c.lacks_consent]
        if not lacking:
            return
        connection = chance.choice(lacking)
        token = link_token(world, person, connection_id=connection.connection_id)
        done = in_link(world, person, token, chance, login(person, chance)) if token else None
        item = world.item_of(connection)
        if done is None or item is None:
            return
        if "transactions" in item.consent.withdrawn:
            world.violated(f"update mode of {connection.connection_id} did not ask for the consent that it lacks")
        exchange(world, person, done, chance)

    world.app(work)
