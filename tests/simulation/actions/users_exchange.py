"""Linking and exchanging as impatient, forgetful and well-equipped users do it."""

from __future__ import annotations

import random
from typing import Any

from emulators.plaid import linking
from emulators.plaid.errors import PlaidError
from emulators.plaid.items import Item
from tests.simulation.actions import action
from tests.simulation.actions.users import (
    DAY,
    EXCHANGE,
    HOUR,
    Answer,
    Done,
    ask,
    both,
    exchange,
    exchange_or_insist,
    go_through_link,
    handed_over,
    in_link,
    is_connected,
    link_token,
    login,
    login_of,
    may_be_removed,
    names,
    succeeded,
)
from tests.simulation.scenario import Event
from tests.simulation.world import Person, World

ANSWER_KEPT = 23.5 * HOUR  # within a day, the same public token gets the same answer


def device(event: Event, number: int) -> random.Random:
    """The choices of one of a user's devices."""
    return random.Random(f"device {number} of {event.action} {event.pick}")


def accounts_like(item: Item, chance: random.Random) -> set[tuple[str, str | None]]:
    """The same accounts as the item has, some of them and others, or only others."""
    mine, hidden = sorted(names(item.accounts), key=str), sorted(names(item.hidden_accounts), key=str)
    match chance.randrange(3):
        case 0:
            return set(mine)
        case 1:
            return {*chance.sample(mine, 1), *hidden}
        case _:
            return set(hidden) or {mine[0]}


@action("link_again", per_year=2.5)
def link_again(world: World, event: Event) -> None:
    """A user links a bank that is linked already: with the same accounts, with others, or with some of both."""
    person, chance = world.people[event.user], event.chance()

    def work() -> None:
        items = [item for item in world.items_of(person) if item.access_token is not None and item.accounts]
        if not items:
            return
        item = chance.choice(items)
        done = go_through_link(world, person, chance, given=login_of(item), wanted=accounts_like(item, chance))
        if done is not None:
            exchange_or_insist(world, person, done, chance)

    world.app(work)


@action("replace", per_year=2)
def replace(world: World, event: Event) -> None:
    """A user links a bank again, and chooses to replace the old connection."""
    person, chance = world.people[event.user], event.chance()

    def work() -> None:
        mine = [(c, item) for c in world.connections_of(person) if (item := world.item_of(c)) is not None]
        if not mine:
            return
        connection, item = chance.choice(mine)
        done = go_through_link(world, person, chance, given=login_of(item))
        if done is not None:
            exchange(world, person, done, chance, replaces=connection.connection_id)

    world.app(work)


@action("link_in_household", per_year=1.5)
def link_in_household(world: World, event: Event) -> None:
    """Another user of the household links with the same login: their connections are independent."""
    person, chance = world.people[event.user], event.chance()
    other = world.people[event.user ^ 1] if event.user ^ 1 < len(world.people) else person

    def work() -> None:
        done = go_through_link(world, person, chance, given=login(other, chance))
        if done is not None:
            exchange(world, person, done, chance)

    world.app(work)


@action("link_several", per_year=1.5)
def link_several(world: World, event: Event) -> None:
    """A user goes through Link several times, and the app exchanges all the tokens in one call."""
    person, chance = world.people[event.user], event.chance()

    def work() -> None:
        sessions = [go_through_link(world, person, chance) for _ in range(chance.randrange(2, 4))]
        done = [one for one in sessions if one is not None]
        if not done:
            return
        if chance.random() < 0.2:
            done.append(done[0])  # the app sends one of them twice
        for one in done:
            may_be_removed(world, one)
        body = {"items": [handed_over(one, chance) for one in done]}
        answer = ask(world, person, *EXCHANGE, body=body, tries=chance.choice((1, 2)))
        if answer is None or answer[0] != 200:
            return
        if len(answer[1]["results"]) != len(done):
            world.violated(f"{len(done)} items were sent, and {len(answer[1]['results'])} results returned")
        for one, result in zip(done, answer[1]["results"], strict=False):
            if "connection_id" in result:
                is_connected(world, one)

    world.app(work)


@action("two_devices_exchange", per_year=2)
def two_devices_exchange(world: World, event: Event) -> None:
    """An app calls twice at the same time with one public token: there is one connection, and both calls name it."""
    person, chance = world.people[event.user], event.chance()

    def work() -> None:
        done = go_through_link(world, person, chance)
        if done is None:
            return
        calls = [world.app(lambda n=n: exchange(world, person, done, device(event, n))) for n in (1, 2)]  # type: ignore[misc]
        _same_connection(world, *both(*calls))

    world.app(work)


@action("two_devices_link", per_year=1.5)
def two_devices_link(world: World, event: Event) -> None:
    """A user links the same login on two devices at the same time: the accounts that both share are connected once."""
    person, chance = world.people[event.user], event.chance()
    given = login(person, chance)

    def on_device(number: int) -> tuple[Done | None, Answer]:
        chance = device(event, number)
        done = go_through_link(world, person, chance, given=given)
        return done, (exchange(world, person, done, chance) if done is not None else None)

    def work() -> None:
        first, second = both(*(world.app(lambda n=n: on_device(n)) for n in (1, 2)))  # type: ignore[misc]
        if first is not None and second is not None:
            _linked_once(world, first, second)

    world.app(work)


def _linked_once(world: World, *devices: tuple[Done | None, Answer]) -> None:
    """Both calls compared the accounts, if Plaid named them at once: then the second one was refused."""
    shared, linked = [], set()
    for done, answer in devices:
        if done is None or answer is None or answer[0] >= 300 or not answer[1]["account_ids"]:
            return
        shared.append({(a["name"], a["mask"]) for a in done["metadata"]["accounts"] if a["mask"]})
        linked.add(answer[1]["connection_id"])
    if len(linked) == len(devices) and shared[0] & shared[1]:
        world.violated(f"{sorted(linked)} share accounts, but were linked at the same time without allow_duplicate")


@action("exchange_later", per_year=4)
def exchange_later(world: World, event: Event) -> None:
    """The app gets no answer, or is killed, and exchanges the same token again: at once, in an hour or a day later."""
    person, chance = world.people[event.user], event.chance()

    def work() -> None:
        done = go_through_link(world, person, chance)
        if done is None:
            return
        if chance.random() < 0.3:
            first = exchange(world, person, done, chance, tries=1)
        else:  # it is not there for the answer
            first = exchange(world, person, done, chance, tries=1, patience=chance.choice((0.05, 0.4, 1.0, 3.0)))
        began = world.loop.seconds()
        for wait in chance.choice(((1.0,), (2.0, HOUR), (HOUR,), (DAY,), (1200.0, 1200.0))):
            if wait >= world.until_quiet():
                return
            world.loop.sleep(wait)
            again = exchange(world, person, done, chance)
            if world.loop.seconds() - began < ANSWER_KEPT:
                _same_connection(world, first, again)

    world.app(work)


def _same_connection(world: World, first: Answer, second: Answer) -> None:
    """Two successful exchanges of one public token name the same connection."""
    if first is not None and second is not None and succeeded(first) and succeeded(second):
        one, other = first[1]["connection_id"], second[1]["connection_id"]
        if one != other:
            world.violated(f"one public token became the connections {one} and {other}")


@action("leave_link", per_year=3)
def leave_link(world: World, event: Event) -> None:
    """A user leaves Link half-way, or the app never exchanges what Link returned."""
    person, chance = world.people[event.user], event.chance()

    def work() -> None:
        mine = world.connections_of(person)
        fields: dict[str, Any] = {}
        if mine and chance.random() < 0.4:
            fields = {"connection_id": chance.choice(mine).connection_id}
        token = link_token(world, person, **fields)
        if token is None:
            return
        if chance.random() < 0.3 and not fields:
            in_link(world, person, token, chance, login(person, chance))
            return
        _leave(world, person, token, chance)

    world.app(work)


def _leave(world: World, person: Person, token: str, chance: random.Random) -> None:
    world.loop.sleep(chance.uniform(5, 100))
    try:
        session = linking.begin(world.plaid.world, token)
        if chance.random() < 0.6:
            linking.log_in(world.plaid.world, session, **login(person, chance))
        linking.leave(world.plaid.world, session)
    except PlaidError:
        return  # the bank or the login refused; the user leaves anyway
