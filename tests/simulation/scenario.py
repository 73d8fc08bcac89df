"""A scenario: everything that happens to the backend from outside, as timed events that say nothing about the outcome.

An event names an action and carries a number from which the action makes all its choices, so that leaving an event out
changes no other one. That is what makes a failing scenario shrink.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

DAY = 86_400
QUIET_EVERY = 21 * DAY  # from time to time the world is quiet, and everything must settle
QUIET_FOR = 2 * DAY
SHAPES = ((4, 91), (2, 182), (1, 365), (6, 61))  # users and days of a world: each is about one user-year


@dataclass(frozen=True, order=True)
class Event:
    """One event.

    Attributes:
        at: Seconds since the scenario began.
        action: The name of the action.
        user: The number of the user that it concerns.
        pick: What the action's choices are made from.
    """

    at: int
    action: str
    user: int
    pick: int

    def chance(self) -> random.Random:
        """The choices of this event: always the same ones."""
        return random.Random(f"{self.action} {self.pick}")


@dataclass(frozen=True)
class Scenario:
    """A seed's scenario.

    Attributes:
        seed: Decides the interleaving, too.
        users: The number of users.
        days: The length.
        events: What happens, in order.
    """

    seed: int
    users: int
    days: int
    events: tuple[Event, ...]

    @property
    def user_years(self) -> float:
        """How much use this is."""
        return self.users * self.days / 365

    def quiet_times(self) -> list[int]:
        """The ends of the quiet times, in seconds; everything must have settled then."""
        ends = range(QUIET_EVERY + QUIET_FOR, self.days * DAY - QUIET_FOR, QUIET_EVERY + QUIET_FOR)
        return [*ends, self.days * DAY + QUIET_FOR]

    def only(self, events: Iterable[Event]) -> Scenario:
        """The same scenario with fewer events."""
        return Scenario(self.seed, self.users, self.days, tuple(sorted(events)))

    def dumps(self) -> str:
        """The scenario as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> Scenario:
        """The scenario of a JSON text. Raises ValueError, KeyError or TypeError if it is none."""
        given = json.loads(text)
        return cls(given["seed"], given["users"], given["days"], tuple(Event(**one) for one in given["events"]))


def is_quiet(at: int) -> bool:
    """Whether nothing happens at this time: in a quiet time, or in its last second, when the world is checked."""
    since = at % (QUIET_EVERY + QUIET_FOR)
    return since >= QUIET_EVERY or (since == 0 and at > 0)


def next_quiet(at: int) -> int:
    """When the next quiet time begins, or the current one began."""
    return at - at % (QUIET_EVERY + QUIET_FOR) + QUIET_EVERY


def write(seed: int, weights: Mapping[str, float], *, users: int | None = None, days: int | None = None) -> Scenario:
    """Writes the scenario of a seed.

    Args:
        seed: The seed.
        weights: How often each action happens, per user and year.
        users: The number of users; by default the seed decides.
        days: The number of days; by default the seed decides.
    """
    chance = random.Random(f"scenario {seed}")
    shape = SHAPES[seed % len(SHAPES)]
    users, days = users or shape[0], days or shape[1]
    # Some worlds are calm and some stormy: faults that need others to be absent are found, too.
    moods = {action: chance.choice((0.0, 0.5, 1.0, 1.0, 1.5)) for action in sorted(weights)}
    events = []
    for action, per_year in sorted(weights.items()):
        for user in range(users):
            expected = per_year * days / 365 * (moods[action] if per_year < 50 else 1.0)
            for _ in range(int(expected + chance.random())):
                at = chance.randrange(days * DAY)
                if not is_quiet(at):
                    events.append(Event(at, action, user, chance.getrandbits(32)))
    # Every user begins by linking a bank.
    events += [Event(60 + 600 * user, "link", user, chance.getrandbits(32)) for user in range(users)]
    return Scenario(seed, users, days, tuple(sorted(events)))
