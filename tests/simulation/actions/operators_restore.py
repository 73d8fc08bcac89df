"""The store is restored to an earlier moment, by the procedure of docs/operations.md."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from shared import request_context
from shared.domain.errors import BankError
from tests.simulation.actions import action
from tests.simulation.actions.operators import PATIENCE, RETRY_AFTER, operate, persist
from tests.simulation.actions.users import DAY, HOUR
from tests.simulation.loop import MICROSECONDS
from tests.simulation.scenario import Event
from tests.simulation.world import Person, World

DRAINED_AFTER = 1800.0  # seconds until every call that began before has ended


@dataclass
class Backup:
    """The store at one moment, and what happened since, as the log of the backend tells.

    Attributes:
        documents: All documents, by the object and the attribute that hold them.
        people: What each user had done.
        exchanged: The items whose tokens were exchanged since.
        made: The items that existed at Plaid.
        erased: The users whose erasure began since.
    """

    documents: list[tuple[Any, str, Any]]
    people: dict[str, Person]
    made: frozenset[str]
    exchanged: dict[str, None] = field(default_factory=dict)
    erased: dict[str, None] = field(default_factory=dict)

    @classmethod
    def take(cls, world: World) -> Backup:
        """Copies the store, and reads the log from now on."""
        backend = world.backend
        collections = [name for name, kept in vars(backend.store).items() if isinstance(kept, dict)]
        places: list[tuple[Any, str]] = [(backend.store, name) for name in collections]
        places += [(backend.erasures, "kept"), (backend.paused, "kept"), (backend.institutions, "known")]
        places += [(backend.links, "sessions"), (backend.links, "results"), (backend.profiles, "of_user")]
        places += [(backend.profiles, "existing"), (backend.pushes, "written"), (backend.pushes, "languages")]
        backup = cls(
            [(holder, name, _copied(getattr(holder, name))) for holder, name in places],
            {person.uid: copy.deepcopy(person) for person in [*world.people, *world.former]},
            frozenset(world.plaid.world.items),
        )
        backend.on_log.append(backup.heard)
        return backup

    def heard(self, _level: str, event: str, fields: dict[str, Any]) -> None:
        """Keeps what the operator will search the log for."""
        if event == "token.exchanged":
            self.exchanged[fields["item_id"]] = None
        elif event == "erasure.started":
            caller = request_context.user.get()
            if caller is not None:
                self.erased[caller.uid] = None

    def put_back(self) -> None:
        """Restores every document. No trigger fires: a restored database has none until the backend is deployed."""
        for holder, name, kept in self.documents:
            there = getattr(holder, name)
            if isinstance(there, dict):
                there.clear()
                dict.update(there, kept)
            else:
                setattr(holder, name, kept)


def _copied(documents: Any) -> Any:
    """A copy of a collection: the documents themselves are immutable."""
    if not isinstance(documents, dict):
        return copy.copy(documents)
    return {key: copy.copy(one) if isinstance(one, (dict, list)) else one for key, one in documents.items()}


@action("restore", per_year=0.5)
def restore(world: World, event: Event) -> None:
    """The store is lost, and restored from a backup that is hours to days old."""
    chance = event.chance()
    age = min(chance.choice((2 * HOUR, 10 * HOUR, 2 * DAY, 4 * DAY)), world.until_quiet() - 2 * HOUR)
    if age < HOUR or world.backend.is_closed:
        return
    backup = Backup.take(world)

    def work() -> None:
        world.loop.sleep(age)
        world.backend.on_log.remove(backup.heard)
        if not world.backend.is_closed:
            _restore(world, backup)

    world.app(work, "operator")


def _restore(world: World, backup: Backup) -> None:
    backend = world.backend
    persist(world, "pause --all --reason restore", tries=2)
    backend.close()
    world.schedule_stops_until = world.daily_stops_until = world.loop.microseconds + round(10 * DAY * MICROSECONDS)
    world.loop.sleep(DRAINED_AFTER)
    _remember_replacements(world)
    backup.put_back()
    world.revocations.clear()  # the backup knows nothing of webhooks that came since
    for person in [*world.people, *world.former]:
        _expect_again(person, backup.people.get(person.uid, Person(person.uid)))
    backend.vault.disabled.clear()  # an old version of the key is needed again
    persist(world, "pause --all --reason restore")
    backend.open()
    world.schedule_stops_until = world.daily_stops_until = 0
    _reconcile(world)
    _settle_what_the_store_cannot_know(world, backup)
    _resume(world)
    persist(world, "reencrypt")


def _resume(world: World) -> None:
    """Also ends the pauses that the backup brought back. Those that another operator still needs end no later."""
    said = persist(world, "resume --all") or ""
    for line in said.splitlines()[1:]:
        persist(world, f"resume --institution {line.partition('  ')[0]}")


def _remember_replacements(world: World) -> None:
    """Replaced connections return with the backup, but not their items, nor the audit entries that say why."""
    replaced = world.replaced()
    for item in world.plaid.items():
        if item.removed and world.backend.was_connected.get(item.item_id) in replaced:
            world.asked_removals.setdefault(item.item_id, "its connection was replaced before a restore")


def _reconcile(world: World) -> None:
    """Reconciles, and repeats it for what was postponed. Asks Plaid to remove the items whose tokens are lost."""
    for _ in range(PATIENCE):
        try:
            said = operate(world, "after-restore --yes")
        except BankError as error:
            said = "" if error.code != "restore_implausible" else _user_by_user(world)
        _ask_plaid_to_remove(world, said)
        if said and " later" not in said:
            return
        world.loop.sleep(RETRY_AFTER)


def _user_by_user(world: World) -> str:
    owners = {connection.app_user_id: None for connection in world.backend.store.connections.values()}
    return "\n".join(persist(world, f"after-restore --user {uid} --yes") or " later" for uid in owners)


def _ask_plaid_to_remove(world: World, said: str) -> None:
    for line in said.splitlines():
        connection_id, _, rest = line.partition("  ")
        connection = world.backend.store.connections.get(connection_id)
        if rest.startswith("access token lost") and connection is not None:
            _remove_at_plaid(world, connection.item_id, "a restore lost its token")


def _remove_at_plaid(world: World, item_id: str, why: str) -> None:
    item = world.plaid.world.items.get(item_id)
    if item is not None and not item.removed:
        world.asked_removals[item_id] = why
        world.plaid.world.remove_item(item)


def _settle_what_the_store_cannot_know(world: World, backup: Backup) -> None:
    connections = world.backend.store.connections
    held = {connection.item_id for connection in connections.values()}
    for item_id in backup.exchanged:
        if item_id not in held:
            _remove_at_plaid(world, item_id, "it was linked after the backup")
    # Of an exchange whose answer was lost, only the log tells, and not which item it was.
    exchanged = {item.item_id for item in world.plaid.items() if item.access_token is not None}
    world.lost_before_a_restore |= exchanged - backup.made - held - backup.exchanged.keys()
    for uid in backup.erased:
        persist(world, f"erase --user {uid} --yes", tries=3)


def _expect_again(person: Person, before: Person) -> None:
    """What the user wrote after the backup is lost; what the user gave up since stays given up."""
    person.notes, person.note_accounts = dict(before.notes), dict(before.note_accounts)
    person.removed = set(before.removed)
    for scope in person.given_up[len(before.given_up) :]:
        person.forget_notes(*scope)
