"""The moments at which an interruption costs most, met on purpose: random faults meet them once in centuries."""

from __future__ import annotations

from emulators.plaid import announcements
from shared.ports import TaskFunction
from tests.simulation.actions import action
from tests.simulation.actions.operators import persist, some_connection
from tests.simulation.actions.users import CONNECTIONS, ask, exchange, go_through_link
from tests.simulation.actions.users_leave import give_up_everything, remove_connection
from tests.simulation.boundary import Fault, Mode
from tests.simulation.google import Mail
from tests.simulation.loop import MICROSECONDS
from tests.simulation.scenario import Event
from tests.simulation.world import World

MINUTES, HOURS = 600 * MICROSECONDS, 36_000 * MICROSECONDS


def lose_task(world: World, function: TaskFunction) -> None:
    """The next task of this function never arrives."""
    world.backend.queues.mail.setdefault(function, Mail()).lost += 1


@action("rotation_troubled", per_year=3)
def rotation_troubled(world: World, event: Event) -> None:
    """While a token is rotated, the store fails or is slow, and another call uses the token; or its task is lost."""
    chance, person = event.chance(), world.people[event.user]
    connection_id = some_connection(world, event)
    if connection_id is None or world.backend.is_closed:
        return
    mode = chance.choice((Mode.UNAVAILABLE, Mode.UNAVAILABLE, Mode.KILL_BEFORE, Mode.CONFLICT, Mode.SLOW, Mode.SLOW))
    until = world.loop.microseconds + MINUTES
    skip = chance.choice((1, 2, 2, 2))  # the request, the mark, the new token
    if chance.random() < 0.8:
        world.boundary.faults.append(Fault(mode, ("credentials.save",), skip=skip, until=until))
    else:
        lose_task(world, TaskFunction.ROTATE_TOKEN)
    path = f"{CONNECTIONS}/{connection_id}/sync"

    def refresh() -> None:
        world.app(lambda: ask(world, person, "sync_connection", "POST", path, body={}))

    world.app(lambda: persist(world, f"rotate --connection {connection_id}", tries=1), "operator")
    for delay in (0.5, 2.0, 8.0):
        world.loop.after(delay, refresh)


@action("exchange_dies", per_year=1.5)
def exchange_dies(world: World, event: Event) -> None:
    """An exchange dies once it has the token, and the app does not repeat it; perhaps the user erases everything."""
    person, chance = world.people[event.user], event.chance()

    def work() -> None:
        done = go_through_link(world, person, chance)
        if done is None:
            return
        until = world.loop.microseconds + MINUTES
        world.boundary.faults.append(Fault(Mode.KILL_AFTER, ("intents.store_token",), until=until))
        exchange(world, person, done, chance, tries=1, patience=5.0)
        if chance.random() < 0.5:
            give_up_everything(world, person, "its user erased everything")
            ask(world, person, "delete_bank_data", "DELETE", "/api/v1/bank/data", tries=2)

    world.app(work)


@action("repair_not_made", per_year=12)
def repair_not_made(world: World, event: Event) -> None:
    """An app reports a repair although the user still lacks a consent: the connection still asks for it."""
    person, chance = world.people[event.user], event.chance()

    def work() -> None:
        lacking = [c for c in world.connections_of(person) if c.lacks_consent]
        connection = chance.choice(lacking) if lacking else None
        item = world.item_of(connection) if connection is not None else None
        if connection is None or item is None or not item.consent.withdrawn:
            return
        path = f"{CONNECTIONS}/{connection.connection_id}/reconnected"
        answer = ask(world, person, "reconnect_connection", "POST", path, body={})
        if answer is not None and answer[0] == 200 and item.consent.withdrawn and "action" not in answer[1]:
            world.violated(f"{connection.connection_id} counts as repaired, but lacks the consent")

    world.app(work)


@action("webhook_lies", per_year=4)
def webhook_lies(world: World, event: Event) -> None:
    """Plaid announces a broken login of an item that works: the connection stays good."""
    connection_id = some_connection(world, event)
    connection = world.backend.store.connections.get(connection_id or "")
    item = world.item_of(connection) if connection is not None else None
    if connection is None or item is None or item.error is not None or connection.status != "good":
        return
    world.plaid.webhooks.send(item, announcements.item_error("ITEM_LOGIN_REQUIRED", None))

    def later() -> None:
        after = world.backend.store.connections.get(connection.connection_id)
        quiet = item.error is None and not world.boundary.faults
        if after is not None and after.status == "bad" and after.error_code == "ITEM_LOGIN_REQUIRED" and quiet:
            world.violated(f"{connection.connection_id} is bad because a webhook says so")

    world.loop.after(60.0, later)


@action("removal_troubled", per_year=1)
def removal_troubled(world: World, event: Event) -> None:
    """A user removes a connection while Plaid does not remove items, or the task is lost."""
    person, chance = world.people[event.user], event.chance()
    mine = world.connections_of(person)
    if mine:
        connection = chance.choice(mine)
        if chance.random() < 0.6:
            until = world.loop.microseconds + chance.choice((MINUTES, HOURS))
            world.boundary.faults.append(Fault(Mode.UNAVAILABLE, ("plaid./item/remove",), times=None, until=until))
        else:
            lose_task(world, TaskFunction.REMOVE_ITEM)
        world.app(lambda: remove_connection(world, person, connection))
