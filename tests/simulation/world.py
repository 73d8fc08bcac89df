"""One simulated world: the backend, Plaid, Google, and the people who use them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from emulators.plaid.items import Item
from shared.domain.audit import AuditAction
from shared.domain.connection import BankConnection
from tests.simulation.backend import Backend
from tests.simulation.boundary import Boundary
from tests.simulation.loop import MICROSECONDS, Loop, Process, Task
from tests.simulation.plaid_side import PlaidSide
from tests.simulation.story import Story

TICK = 900 * MICROSECONDS
DAILY_AT = (4 * 60 + 30) * 60 * MICROSECONDS
DAY = 86_400 * MICROSECONDS


@dataclass
class Person:
    """A user, and what the user did.

    Attributes:
        uid: The id in Firebase Auth.
        notes: What the user wrote, by connection and transaction: only what the app was told is stored.
        removed: Connections that the user removed.
        erased_at: When the user erased everything, in virtual microseconds.
    """

    uid: str
    notes: dict[tuple[str, str], str] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    erased_at: list[int] = field(default_factory=list)


class World:
    """Everything that one story needs."""

    def __init__(self, story: Story, *, keep_log: bool = False) -> None:
        self.story = story
        self.loop = Loop()
        self.boundary = Boundary(self.loop, random.Random(f"boundary {story.seed}"), lines=[] if keep_log else None)
        self.plaid = PlaidSide(self.boundary, story.seed)
        self.backend = Backend(self.boundary, self.plaid, seed=story.seed)
        self.people = [Person(f"user-{number}") for number in range(story.users)]
        self.violations: list[str] = []
        self.schedule_stops_until = 0
        self.asked_removals: dict[str, str] = {}  # item: why it may be removed
        self.dead_items: dict[str, str] = {}  # item: why no login repairs it

    # -- Time --------------------------------------------------------------------------------------------------------

    def schedules(self) -> None:
        """Plays Cloud Scheduler: every 15 minutes, if something is due, and every day."""
        self.loop.at(TICK, self._tick)
        self.loop.at(DAILY_AT, self._daily)

    def _tick(self) -> None:
        if self.loop.microseconds >= self.schedule_stops_until and self.is_due():
            self.backend.schedule("schedule_syncs")
        self.loop.at(self.loop.microseconds + TICK, self._tick)

    def _daily(self) -> None:
        if self.loop.microseconds >= self.schedule_stops_until:
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

    # -- What actions need -------------------------------------------------------------------------------------------

    def app(self, work: Callable[[], Any], name: str = "app") -> Task:
        """Starts something that an app, a person or an operator does, step by step."""
        return self.loop.spawn(Process(name), work)

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
