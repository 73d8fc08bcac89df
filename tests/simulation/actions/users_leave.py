"""Users remove connections, revoke permissions, erase everything, and delete their account."""

from __future__ import annotations

from emulators.plaid.control import items as control
from emulators.plaid.items import Item
from shared.domain.connection import BankConnection
from tests.simulation.actions import action
from tests.simulation.actions.users import CONNECTIONS, ask, exchange, go_through_link, stopped_sharing
from tests.simulation.scenario import Event
from tests.simulation.world import Person, World


def remove_connection(
    world: World, person: Person, connection: BankConnection, *, why: str = "its user removed it", tries: int = 2
) -> None:
    """Removes a connection, as an app does."""
    world.asked_removals[connection.item_id] = why
    person.forget_notes(connection.connection_id)
    path = f"{CONNECTIONS}/{connection.connection_id}"
    answer = ask(world, person, "remove_connection", "DELETE", path, tries=tries)
    if answer is not None and answer[0] == 202:
        person.removed.add(connection.connection_id)


@action("remove", per_year=2)
def remove(world: World, event: Event) -> None:
    """A user removes a connection, at times from two devices."""
    person, chance = world.people[event.user], event.chance()
    mine = world.connections_of(person)
    if mine:
        connection = chance.choice(mine)
        for _ in range(chance.choice((1, 1, 2))):
            world.app(lambda: remove_connection(world, person, connection))


def give_up_everything(world: World, person: Person, why: str) -> None:
    """From now on, the person's items may be removed, and no note has to survive."""
    for item in world.items_of(person):
        world.asked_removals[item.item_id] = why
    for connection in world.connections_of(person):
        world.asked_removals[connection.item_id] = why
    person.forget_notes()
    person.erased_at.append(world.loop.microseconds)


@action("erase", per_year=0.4)
def erase(world: World, event: Event) -> None:
    """A user erases all bank data, and perhaps links a bank again while the erasure runs."""
    person, chance = world.people[event.user], event.chance()

    def work() -> None:
        give_up_everything(world, person, "its user erased everything")
        ask(world, person, "delete_bank_data", "DELETE", "/api/v1/bank/data", tries=2)
        if chance.random() < 0.4:
            done = go_through_link(world, person, chance)
            if done is not None:
                exchange(world, person, done, chance)

    world.app(work)


@action("delete_account", per_year=0.3)
def delete_account(world: World, event: Event) -> None:
    """A user's account is deleted in Auth; the trigger may be lost, or come late or twice. The user signs up again."""
    person, chance, backend = world.people[event.user], event.chance(), world.backend
    give_up_everything(world, person, "its user's account was deleted")
    backend.owners.missing.add(person.uid)
    backend.users.deleted.add(person.uid)
    backend.profiles.existing.discard(person.uid)
    backend.profiles.of_user.pop(person.uid, None)
    for document in (backend.pushes.written, backend.pushes.languages):
        document.pop(person.uid, None)

    def trigger() -> None:
        backend.user_deleted(person.uid)

    for delay in chance.choice(((), (0.5,), (1.0,), (2.0, 7.0), (600.0,))):
        world.loop.after(delay, trigger)
    world.former.append(person)
    world.people[event.user] = again = world.sign_up(person.number)

    def work() -> None:
        done = go_through_link(world, again, chance)
        if done is not None:
            exchange(world, again, done, chance)

    if chance.random() < 0.7:
        world.app(work)


def known_item(world: World, person: Person, event: Event) -> Item | None:
    """One of the person's items that a connection holds."""
    held = {connection.item_id for connection in world.connections_of(person)}
    items = [item for item in world.items_of(person) if item.item_id in held]
    return event.chance().choice(items) if items else None


@action("revoke", per_year=1)
def revoke(world: World, event: Event) -> None:
    """A user revokes the permission, at the bank or at Plaid; the webhook may never be sent."""
    person, chance = world.people[event.user], event.chance()
    item = known_item(world, person, event)
    if item is None:
        return
    world.asked_removals[item.item_id] = "its user revoked it"
    for connection in world.connections_of(person):
        if connection.item_id == item.item_id:
            person.forget_notes(connection.connection_id)
    world.plaid.world.revoke_item(item, announce=chance.random() < 0.7)


@action("revoke_account", per_year=1.5)
def revoke_account(world: World, event: Event) -> None:
    """A user revokes a single account at the bank."""
    person, chance = world.people[event.user], event.chance()
    item = known_item(world, person, event)
    if item is None or len(item.accounts) < 2:
        return
    used = {row.account_id for row in item.log.current()}  # see banks_accounts.py: a sync names no others
    before = [account.account_id for account in item.accounts]
    revoked = [account_id for account_id in before if account_id in used]
    if not revoked:
        return
    announce = chance.random() < 0.7
    world.plaid.control(control.change_accounts, item, revoke=[chance.choice(revoked)], announce=announce)
    stopped_sharing(world, person, item, before)
