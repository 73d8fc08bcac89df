"""Generated replays: 40 institutions for a year, by seed.

The seeds below DEVELOPMENT were used to choose thresholds and to train; those from HELD_OUT on are only reported.
"""

from __future__ import annotations

import random

from benchmarks.health.replay import DAY, Bank, Outage, Replay

INSTITUTIONS, DAYS = 40, 365
LARGE, LARGEST = 500, 2000
BASE_ERRORS = (0.002, 0.005, 0.0144, 0.054, 0.156)
DEVELOPMENT, HELD_OUT = 1, 1001
_SLOTS = 24  # an outage at most in each, so that outages of one bank rarely overlap
_SLOT = DAYS * DAY / _SLOTS
_TRAINING_SLOTS = 8


def eventful(seed: int) -> Replay:
    """Banks with outages of all kinds, and incidents of Plaid and of our own keys."""
    choice = random.Random(f"eventful:{seed}")
    sizes = _sizes(choice)
    banks = tuple(
        Bank(f"ins_{at}", size, BASE_ERRORS[at % len(BASE_ERRORS)], _outages(choice, at))
        for at, size in enumerate(sizes)
    )
    shared = tuple(
        Outage(start, start + choice.uniform(30, 240), choice.choice((0.5, 0.8, 1.0)), "plaid" if at % 2 else "keys")
        for at, start in enumerate(sorted(choice.uniform(1, DAYS - 1) * DAY for _ in range(40)))
    )
    return Replay(banks, DAYS, (seed,), shared)


def training(seed: int) -> Replay:
    """Smaller banks with many outages, and as many without any, to train on; the seeds are not those of `eventful`."""
    choice = random.Random(f"training:{seed}")
    sizes = _sizes(choice, LARGE)
    banks = tuple(
        Bank(
            f"ins_{at}",
            size,
            BASE_ERRORS[at % len(BASE_ERRORS)],
            tuple(_in(choice, slot, *_kind(choice)) for slot in range(_TRAINING_SLOTS)) if at % 2 else (),
        )
        for at, size in enumerate(sizes)
    )
    return Replay(banks, _TRAINING_SLOTS * _SLOT / DAY, (seed,))


def _kind(choice: random.Random) -> tuple[float, float, str]:
    scope = choice.choice(("all", "all", "data", "live"))
    return choice.uniform(60, 720), choice.choice((1.0, 1.0, 0.9, 0.6, 0.3)), scope


def quiet(seed: int, base_errors: tuple[float, ...], largest: int) -> Replay:
    """Banks without any outage."""
    choice = random.Random(f"quiet:{seed}")
    sizes = _sizes(choice, largest)
    banks = tuple(Bank(f"ins_{at}", size, base_errors[at % len(base_errors)]) for at, size in enumerate(sizes))
    return Replay(banks, DAYS, (seed,))


def _sizes(choice: random.Random, largest: int = LARGEST) -> list[int]:
    """Sizes from 1 to the largest by a power law, in random order."""
    sizes = [max(1, round(largest / rank**1.5 * choice.uniform(0.8, 1.25))) for rank in range(1, INSTITUTIONS - 1)]
    sizes = [*(min(size, largest) for size in sizes), 1, 3]
    choice.shuffle(sizes)
    return sizes


def _outages(choice: random.Random, at: int) -> tuple[Outage, ...]:
    slots = list(range(_SLOTS - 6))
    choice.shuffle(slots)
    outages = [_in(choice, slots.pop(), choice.uniform(30, 720), 1.0, "all") for _ in range(4)]
    outages.append(_in(choice, slots.pop(), choice.uniform(120, 720), 1.0, "data"))
    outages.append(_in(choice, slots.pop(), choice.uniform(720, 1440), 0.3, "all"))
    outages.append(_in(choice, slots.pop(), choice.uniform(360, 1440), 0.6, "all"))
    outages.append(_in(choice, slots.pop(), choice.uniform(60, 110), choice.uniform(0.3, 1.0), "login"))
    special = at % 8
    if special == 0:
        outages.append(_in(choice, slots.pop(), 6 * DAY, 0.918, "all"))
    elif special == 1 and at < 8:
        outages.append(Outage((_SLOTS - 6) * _SLOT, (_SLOTS - 6) * _SLOT + 75 * DAY, 0.67, "all"))
    elif special == 2:
        first = slots.pop() * _SLOT
        outages += [Outage(first + day * DAY + 120, first + day * DAY + 150) for day in range(10)]
    elif special == 3:
        first = slots.pop() * _SLOT + choice.uniform(0, 5) * DAY
        outages += [Outage(first + turn * 30, first + turn * 30 + 10) for turn in range(12)]
    elif special == 4:
        outages.append(_in(choice, slots.pop(), choice.uniform(120, 720), 1.0, "live"))
    return tuple(sorted(outages, key=lambda one: one.start))


def _in(choice: random.Random, slot: int, length: float, share: float, scope: str) -> Outage:
    start = slot * _SLOT + choice.uniform(0, _SLOT - length)
    return Outage(start, start + length, share, scope)
