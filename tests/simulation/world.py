"""One simulated world: the backend, Plaid, Google, and the people who use them."""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from emulators.plaid.items import Item
from shared.domain.audit import AuditAction
from shared.domain.connection import BankConnection
from tests.simulation.backend import Backend, settings_of
from tests.simulation.boundary import Boundary
from tests.simulation.loop import MICROSECONDS, Killed, Loop, Process, Task
from tests.simulation.plaid_side import PlaidSide
from tests.simulation.scenario import Scenario, next_quiet

TICK = 900 * MICROSECONDS
DAILY_AT = (4 * 60 + 30) * 60 * MICROSECONDS
DAY = 86_400 * MICROSECONDS


@dataclass
class Person:
    """A user, and what the user did.

    Attributes:
        uid: The id in Firebase Auth.
        number: Decides which logins at banks the user has; a user who signs up again keeps it.
        notes: What the user wrote, by connection and transaction: only what the backend confirmed.
        note_accounts: The account of each row in `notes`: with its account, the expectation ends.
        removed: Connections that the user removed.
        erased_at: When the user erased everything, in virtual microseconds.
        given_up: The connections and accounts whose notes the user gave up, in this order; None stands for all.
        ignores_until: Until then the user repairs nothing, in virtual microseconds.
        abroad: Whether one of the user's banks is in the United Kingdom.
    """

    uid: str
    number: int = 0
    notes: dict[tuple[str, str], str] = field(default_factory=dict)
    note_accounts: dict[tuple[str, str], str] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    erased_at: list[int] = field(default_factory=list)
    given_up: list[tuple[str | None, str | None]] = field(default_factory=list)
    ignores_until: int = 0
    abroad: bool = False

    def expect_note(self, connection_id: str, transaction_id: str, account_id: str, text: str) -> None:
        """The backend confirmed that this note is stored."""
        self.notes[connection_id, transaction_id] = text
        self.note_accounts[connection_id, transaction_id] = account_id

    def forget_notes(self, connection_id: str | None = None, account_id: str | None = None) -> None:
        """The user gave up an account, a connection or everything (None), and with it the notes."""
        self.given_up.append((connection_id, account_id))
        for key, account in list(self.note_accounts.items()):
            if connection_id in (None, key[0]) and account_id in (None, account):
                self.notes.pop(key, None)
                del self.note_accounts[key]

    def forget_note(self, text: str) -> None:
        """The user deleted or replaced a note, on whichever row it is now."""
        for key in [key for key, one in self.notes.items() if one == text]:
            del self.notes[key]
            self.note_accounts.pop(key, None)


class World:
    """Everything that one scenario needs."""

    def __init__(self, scenario: Scenario, *, keep_log: bool = False) -> None:
        self.scenario = scenario
        self.loop = Loop()
        self.boundary = Boundary(self.loop, random.Random(f"boundary {scenario.seed}"), lines=[] if keep_log else None)
        self.two_pairs = settings_of(scenario.seed).key_pairs.has_eu
        self.plaid = PlaidSide(self.boundary, scenario.seed, two_pairs=self.two_pairs)
        self.backend = Backend(self.boundary, self.plaid, seed=scenario.seed)
        self.people: list[Person] = []
        self.former: list[Person] = []  # users whose account was deleted
        for number in range(scenario.users):
            self.people.append(self.sign_up(number))
        self.violations: list[str] = []
        self.on_schedule: list[Callable[[Task], None]] = []
        self.schedule_stops_until = 0
        self.daily_stops_until = 0
        self.asked_removals: dict[str, str] = {}  # item: why it may be removed
        self.endless_until: dict[str, int] = {}  # item: until when its pages have no end, in virtual microseconds
        self.unreported_updates: set[str] = set()  # items whose update mode no app has reported
        self.lost_before_a_restore: set[str] = set()  # items whose exchange had no answer, which the backup cannot know
        self.unknown_balances: set[str] = set()  # accounts whose bank sent no balance at some time
        self.dead_items: dict[str, str] = {}  # item: why no login repairs it
        self.revocations: set[tuple[str, str]] = set()  # connections and accounts of acknowledged webhooks

    # -- Time --------------------------------------------------------------------------------------------------------

    def schedules(self) -> None:
        """Plays Cloud Scheduler: every 15 minutes, if something is due, and every day."""
        self.loop.at(TICK, self._tick)
        self.loop.at(DAILY_AT, self._daily)

    def _tick(self) -> None:
        if self.loop.microseconds >= self.schedule_stops_until and self.is_due():
            task = self.backend.schedule("schedule_syncs")
            for hear in self.on_schedule:
                hear(task)
        self.loop.at(self.loop.microseconds + TICK, self._tick)

    def _daily(self) -> None:
        if self.loop.microseconds >= self.daily_stops_until:
            self.backend.schedule("monitor_connections")
        self.loop.at(self.loop.microseconds + DAY, self._daily)

    def is_due(self) -> bool:
        """Whether the scheduler has anything to do; if not, its run changes nothing, and is left out."""
        soon = self.loop.now() + timedelta(minutes=2)
        return any(due <= soon for _, due in self.due_times())

    def due_times(self) -> Iterator[tuple[str, datetime]]:
        """When each document is due for the scheduler."""
        store = self.backend.store
        for loaded in store.states.values():
            if loaded.state.due_at is not None:
                yield f"sync of {loaded.state.connection_id}", loaded.state.due_at
        for product in store.products.values():
            if product.state.due_at is not None:
                yield f"sync of {product.state.sync_id}", product.state.due_at
        for delivery in store.deliveries.values():
            if delivery.due_at is not None:
                yield f"webhook of {delivery.connection_id}", delivery.due_at
        for removal in store.tombstones.values():
            yield f"removal of {removal.connection_id}", removal.due_at
        for intent, _ in store.intents.values():
            if intent.due_at is not None:
                yield f"exchange for {intent.connection_id}", intent.due_at
        for token, _ in store.kept.values():
            if token.due_at is not None and token.connection_id in store.tokens:
                yield f"rotation of {token.connection_id}", token.due_at
        for move, _ in store.moves.values():
            yield f"move of notes to {move.connection_id}", move.due_at
        for erasure, _ in self.backend.erasures.kept.values():
            yield f"erasure of {erasure.app_user_id}", erasure.due_at

    def calm(self) -> None:
        """Ends every fault that an event began."""
        self.boundary.faults.clear()
        self.schedule_stops_until = self.daily_stops_until = 0
        self.backend.calm()
        self.plaid.calm()

    def until_quiet(self) -> float:
        """Seconds until the next quiet time begins."""
        now = self.loop.microseconds // MICROSECONDS
        return min(self.scenario.days * DAY // MICROSECONDS, next_quiet(now)) - now

    # -- What actions need -------------------------------------------------------------------------------------------

    def app(self, work: Callable[[], Any], name: str = "app") -> Task:
        """Starts something that an app, a person or an operator does, step by step."""
        task = self.loop.spawn(Process(name), work)
        task.on_done.append(lambda: self._check_end(name, task))
        return task

    def _check_end(self, name: str, task: Task) -> None:
        """An app, a person or an operator got an error that they could not handle."""
        if task.error is not None and not isinstance(task.error, Killed):
            where = traceback.extract_tb(task.error.__traceback__)[-1]
            self.violated(f"{name} failed: {task.error!r} in {where.name}, line {where.lineno} of {where.filename}")

    def sign_up(self, number: int) -> Person:
        """A new user, whose app writes the user's document and registers a device."""
        again = sum(person.number == number for person in self.former)
        person = Person(f"user-{number}" + (f"-{again}" if again else ""), number, abroad=self.two_pairs)
        self.backend.profiles.existing.add(person.uid)
        self.backend.pushes.write(person.uid, [f"device of {person.uid}"])
        return person

    def connections_of(self, person: Person) -> list[BankConnection]:
        """The person's connections, as the app lists them."""
        return [c for c in self.backend.store.connections.values() if c.app_user_id == person.uid]

    def replaced(self) -> dict[str, str]:
        """The connections that the backend removed because another one replaced them: the new one by the old one."""
        entries = [entry for chain in self.backend.store.audit.values() for entry in chain]
        gone = {e.connection_id for e in entries if e.details.get("reason") == "replaced"}
        moves = {e.details["from"]: e.connection_id for e in entries if e.action is AuditAction.HISTORY_MOVED}
        return {old: new for old, new in moves.items() if old in gone and new is not None}

    def item_of(self, connection: BankConnection) -> Item | None:
        """The connection's item at Plaid."""
        return self.plaid.world.items.get(connection.item_id)

    def items_of(self, person: Person) -> list[Item]:
        """The person's living items at Plaid."""
        return [item for item in self.plaid.living() if item.client_user_id == person.uid]

    def violated(self, text: str) -> None:
        """An invariant does not hold."""
        self.violations.append(f"{self.loop.now():%Y-%m-%d %H:%M:%S} {text}")
