"""Reads a replay file. The format is documented in docs/commands.md."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.health.replay import DAY, SCOPES, START, Bank, Exposure, Outage, Replay

LARGEST, LONGEST, MOST_CALLS = 1_000_000, 36_500.0, 10_000.0
BASE_ERRORS = ("base_error", "base_error_rate")

Minutes = Callable[[object, str], float]


class BadReplay(ValueError):
    """A replay file that cannot be used; the message says why."""


def read(path: Path) -> Replay:
    """Reads a replay file.

    Raises:
        BadReplay: It cannot be read, or does not have the documented format.
    """
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise BadReplay(f"{path}: {error.strerror}") from error
    except BadReplay as error:
        raise BadReplay(f"{path.name}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise BadReplay(f"{path.name} is no JSON file: {error}") from error


def parse(content: object) -> Replay:
    """A replay from the object in its file.

    Raises:
        BadReplay: It does not have the documented format.
    """
    given = _object(content, "the file")
    institutions = _list(given.get("institutions"), "institutions")
    minutes = _since(_origin([given, *institutions]))
    banks = tuple(_bank(one, f"institutions[{at}]", at, minutes) for at, one in enumerate(institutions))
    if not banks:
        raise BadReplay("institutions must not be empty")
    if len({bank.institution_id for bank in banks}) < len(banks):
        raise BadReplay("each institution must have another id")
    shared = _outages(given.get("shared"), "shared", "plaid", minutes)
    latest = max((one.end for outages in (shared, *(bank.outages for bank in banks)) for one in outages), default=0.0)
    days = given.get("days")
    return Replay(
        banks,
        max(365.0, latest / DAY + 1) if days is None else _number(days, "days", least=1 / DAY, most=LONGEST),
        _seeds(given),
        shared,
        _exposure(given.get("exposure")),
    )


def _seeds(given: Mapping[str, Any]) -> tuple[int, ...]:
    seeds = given.get("seeds", given.get("seed", 1))
    listed = _list(seeds, "seeds") if isinstance(seeds, list) else [seeds]
    if not listed:
        raise BadReplay("seeds must not be empty")
    return tuple(_integer(seed, "a seed", least=-(2**63), most=2**63) for seed in listed)


def _bank(content: object, name: str, at: int, minutes: Minutes) -> Bank:
    given = _object(content, name)
    base_error = next((given[key] for key in BASE_ERRORS if given.get(key) is not None), 0.0144)
    reports = given.get("reports_status")
    if reports not in {None, True, False}:
        raise BadReplay(f"{name}.reports_status must be true, false or null, not {reports!r}")
    return Bank(
        str(next((given[key] for key in ("id", "institution_id") if given.get(key) is not None), f"ins_{at + 1}")),
        _integer(given.get("size"), f"{name}.size", least=1, most=LARGEST),
        _number(base_error, f"{name}.base_error", least=0, most=0.99),
        _outages(given.get("outages"), f"{name}.outages", "all", minutes),
        None if reports is None else bool(reports),
    )


def _outages(content: object, name: str, scope: str, minutes: Minutes) -> tuple[Outage, ...]:
    listed = _list(content, name) if content is not None else []
    outages = (_outage(one, f"{name}[{at}]", scope, minutes) for at, one in enumerate(listed))
    return tuple(sorted(outages, key=lambda one: one.start))


def _outage(content: object, name: str, scope: str, minutes: Minutes) -> Outage:
    given = _object(content, name)
    share = given.get("share")
    outage = Outage(
        minutes(given.get("start"), f"{name}.start"),
        minutes(given.get("end"), f"{name}.end"),
        1.0 if share is None else _number(share, f"{name}.share", least=0, most=1),
        str(given.get("scope") or scope),
    )
    if outage.scope not in SCOPES:
        raise BadReplay(f"{name}.scope must be one of {', '.join(SCOPES)}, not {outage.scope!r}")
    if outage.end <= outage.start:
        raise BadReplay(f"{name} must end after its start")
    return outage


def _exposure(content: object) -> Exposure:
    given = _object(content, "exposure") if content is not None else {}
    usual = Exposure()
    low, high = usual.status_lag_minutes
    if (lag := given.get("status_lag_minutes")) is not None:
        lags = _list(lag, "exposure.status_lag_minutes") if isinstance(lag, list) else [lag, lag]
        if len(lags) != 2:
            raise BadReplay("exposure.status_lag_minutes must be the shortest and the longest lag")
        low, high = sorted(_number(one, "exposure.status_lag_minutes", least=0, most=LONGEST * DAY) for one in lags)

    def rate(name: str, usually: float, most: float = MOST_CALLS) -> float:
        value = given.get(name)
        return usually if value is None else _number(value, f"exposure.{name}", least=0, most=most)

    return Exposure(
        rate("webhooks", usual.webhooks),
        rate("live", usual.live),
        rate("checks", usual.checks),
        (low, high),
        rate("without_status", usual.without_status, 1),
        rate("updates", 0) or None,
    )


def _origin(holders: Sequence[object]) -> datetime:
    """Minute 0: the beginning of 2026, or the day of the earliest ISO time if that is earlier."""
    return min([START, *(at.replace(hour=0, minute=0, second=0, microsecond=0) for at in _iso_times(holders))])


def _iso_times(holders: Sequence[object]) -> Iterator[datetime]:
    for holder in holders:
        for key in ("shared", "outages"):
            listed = holder.get(key) if isinstance(holder, Mapping) else None
            for outage in listed if isinstance(listed, list) else []:
                for name in ("start", "end") if isinstance(outage, Mapping) else ():
                    if isinstance(outage.get(name), str):
                        yield _iso(outage[name], name)


def _iso(given: str, name: str) -> datetime:
    try:
        at = datetime.fromisoformat(given)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise BadReplay(f"{name} must be minutes or an ISO time, not {given!r}") from error


def _since(origin: datetime) -> Minutes:
    def minutes(given: object, name: str) -> float:
        if isinstance(given, str):
            return _number((_iso(given, name) - origin) / timedelta(minutes=1), name, least=0, most=LONGEST * DAY)
        return _number(given, name, least=0, most=LONGEST * DAY, kind="minutes from the beginning, or an ISO time")

    return minutes


def _object(given: object, name: str) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise BadReplay(f"{name} must be an object, not {_shown(given)}")
    return given


def _list(given: object, name: str) -> list[Any]:
    if not isinstance(given, list):
        raise BadReplay(f"{name} must be a list, not {_shown(given)}")
    return given


def _integer(given: object, name: str, *, least: int, most: int) -> int:
    number = _checked(given, name, least=least, most=most, kind="a whole number")
    if number != int(number):
        raise BadReplay(f"{name} must be a whole number, not {_shown(given)}")
    return int(number)


def _number(given: object, name: str, *, least: float, most: float, kind: str = "a number") -> float:
    return float(_checked(given, name, least=least, most=most, kind=kind))


def _checked(given: object, name: str, *, least: float, most: float, kind: str) -> int | float:
    if isinstance(given, bool) or not isinstance(given, int | float) or given != given or abs(given) == math.inf:
        raise BadReplay(f"{name} must be {kind}, not {_shown(given)}")
    if not least <= given <= most:
        raise BadReplay(f"{name} must be between {least:g} and {most:g}, not {_shown(given)}")
    return given


def _shown(given: object) -> str:
    return "missing" if given is None else repr(given)[:80]
