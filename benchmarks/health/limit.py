"""The limit of every detector in a replay: the first moment at which the backend could feel an outage at all.

That is a call that fails because of the outage, or a scheduler run at which Plaid's status reports it. A detector that
needs more than one failure is slower. What the limit misses, no detector can find without more calls to Plaid.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from benchmarks.health.drive import BUCKET, TICK, Declared, Log
from benchmarks.health.replay import SHARED, Bank, Replay
from benchmarks.health.world import BankWorld
from shared.domain.institution_health.evidence import HealthState


def possible(replay: Replay, seed: int) -> list[Log]:
    """What could be declared at each institution at the earliest; never wrong."""
    return [_log(bank, BankWorld(bank, replay, seed)) for bank in replay.banks]


def _log(bank: Bank, world: BankWorld) -> Log:
    earliest = [math.inf] * len(world.outages)
    for at, index in (*_reported(world), *_felt(world)):
        earliest[index] = min(earliest[index], at)
    log = Log(bank)
    for at, outage in zip(earliest, world.outages, strict=True):
        if at < outage.end and outage.scope not in {"login", *SHARED}:
            state = HealthState.DOWN if outage.share >= 0.5 else HealthState.DEGRADED
            log.declared.append(Declared(state, at, outage.end))
    return log


def _felt(world: BankWorld) -> Iterator[tuple[float, int]]:
    for day in world.events():
        for event in day:
            if event.failed:
                at = event.at if event.live else world.attempt(event.connection, event.at)
                for index in world.felt_at(event.connection, at, event.live):
                    yield math.floor(event.at / BUCKET) * BUCKET + BUCKET, index


def _reported(world: BankWorld) -> Iterator[tuple[float, int]]:
    for index, (start, end) in world.reported():
        tick = math.ceil(start / TICK) * TICK
        if tick < end:
            yield tick, index
