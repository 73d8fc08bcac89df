"""Users repair connections, link dead ones again, ask for fresh data, or do nothing for weeks."""

from __future__ import annotations

import random
from typing import Any

from shared.domain.connection import BankConnection
from shared.ports import Profile
from tests.simulation.actions import action
from tests.simulation.actions.users import (
    CONNECTIONS,
    DAY,
    ask,
    exchange,
    go_through_link,
    in_link,
    link_token,
    login,
    login_of,
    succeeded,
)
from tests.simulation.actions.users_leave import remove_connection
from tests.simulation.loop import MICROSECONDS
from tests.simulation.scenario import Event
from tests.simulation.world import Person, World

LANGUAGES: tuple[object, ...] = ("en", "es", "es-MX", "xx", "", 7, None)
COUNTRIES: tuple[object, ...] = (["US"], ["US", "CA"], ["GB"], "US", [], [1], None)


def reconnected(world: World, person: Person, connection: BankConnection) -> None:
    """The app reports that update mode succeeded."""
    path = f"{CONNECTIONS}/{connection.connection_id}/reconnected"
    answer = ask(world, person, "reconnect_connection", "POST", path, body={}, tries=3)
    if answer is not None and succeeded(answer):
        world.unreported_updates.discard(connection.item_id)


def update(world: World, person: Person, connection: BankConnection, chance: random.Random, **fields: Any) -> None:
    """Goes through update mode; then the app reports it, exchanges the public token, does both, or forgets it."""
    token = link_token(world, person, connection_id=connection.connection_id, **fields)
    done = in_link(world, person, token, chance, login(person, chance)) if token else None
    if done is None:
        return
    world.unreported_updates.add(connection.item_id)
    after = chance.choice(("reconnect", "reconnect", "reconnect", "reconnect", "exchange", "both", "neither"))
    if after in ("exchange", "both"):
        answer = exchange(world, person, done, chance)
        # If all accounts are new to the connection, nothing but Plaid can tell that the token belongs to it.
        known = {account["id"] for account in done["metadata"]["accounts"]}.intersection(connection.account_ids)
        refused = answer is not None and answer[0] == 409
        if refused and known and connection.connection_id in world.backend.store.connections:
            world.violated(f"the exchange after updating {connection.connection_id} was refused as a duplicate")
        if answer is not None and succeeded(answer):
            world.unreported_updates.discard(connection.item_id)
            if (other := answer[1]["connection_id"]) != connection.connection_id:
                world.violated(f"the exchange after updating {connection.connection_id} answered with {other}")
    if after in ("reconnect", "both"):
        reconnected(world, person, connection)


@action("repair", per_year=25)
def repair(world: World, event: Event) -> None:
    """A user follows what the app asks for: update mode."""
    person, chance = world.people[event.user], event.chance()

    def work() -> None:
        broken = [c for c in world.connections_of(person) if c.action is not None and c.action != "relink"]
        if broken and world.loop.microseconds >= person.ignores_until:
            update(world, person, chance.choice(broken), chance)

    world.app(work)


@action("update", per_year=6)
def update_mode(world: World, event: Event) -> None:
    """A user opens update mode of any connection, mostly to choose accounts."""
    person, chance = world.people[event.user], event.chance()

    def work() -> None:
        mine = world.connections_of(person)
        if mine:
            fields = {"account_selection": "true"} if chance.random() < 0.7 else {}
            update(world, person, chance.choice(mine), chance, **fields)

    world.app(work)


@action("reconnect", per_year=2)
def reconnect(world: World, event: Event) -> None:
    """An app reports a repair that did not happen, on two devices at the same time."""
    person, chance = world.people[event.user], event.chance()
    mine = world.connections_of(person)
    if mine:
        connection = chance.choice(mine)
        for _ in range(2):
            world.app(lambda: reconnected(world, person, connection))


@action("relink", per_year=10)
def relink(world: World, event: Event) -> None:
    """A user links the bank of a dead connection again, and mostly removes the dead one, before or after."""
    person, chance = world.people[event.user], event.chance()

    def removes(connection: BankConnection) -> None:
        remove_connection(world, person, connection, why="its user linked it again", tries=3)

    def work() -> None:
        dead = [c for c in world.connections_of(person) if c.action == "relink"]
        if not dead or world.loop.microseconds < person.ignores_until:
            return
        connection, removal = chance.choice(dead), chance.choice(("before", "after", "after", "never"))
        item = world.item_of(connection)
        if removal == "before":
            removes(connection)
        done = go_through_link(world, person, chance, given=login_of(item) if item is not None else None)
        if done is not None and succeeded(exchange(world, person, done, chance)) and removal == "after":
            removes(connection)

    world.app(work)


@action("refresh", per_year=16)
def refresh(world: World, event: Event) -> None:
    """A user asks for fresh data, at times on two devices."""
    person, chance = world.people[event.user], event.chance()
    mine = world.connections_of(person)
    if mine:
        path = f"{CONNECTIONS}/{chance.choice(mine).connection_id}/sync"
        for _ in range(chance.choice((1, 1, 1, 2))):
            world.app(lambda: ask(world, person, "sync_connection", "POST", path, body={}))


@action("ignore", per_year=1)
def ignore(world: World, event: Event) -> None:
    """A user ignores every notification for weeks."""
    person = world.people[event.user]
    person.ignores_until = world.loop.microseconds + round(event.chance().uniform(7, 60) * DAY * MICROSECONDS)


@action("settings", per_year=1)
def settings(world: World, event: Event) -> None:
    """An app writes the user's language, countries and devices: another user's device too, or nonsense."""
    person, chance, backend = world.people[event.user], event.chance(), world.backend
    language, devices = chance.choice(LANGUAGES), [f"device of {one.uid}" for one in world.people]
    backend.profiles.of_user[person.uid] = Profile(language, chance.choice(COUNTRIES))
    backend.pushes.languages[person.uid] = language
    own = f"device of {person.uid}"
    backend.pushes.write(person.uid, chance.choice(([own], [own, f"another {own}"], [own, *devices[:1]], [], None, 7)))
