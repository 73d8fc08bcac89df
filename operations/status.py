"""The health of all connections, on one screen."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

from emulators.terminal import printable
from shared.domain.connection import ItemStatus
from shared.domain.health import OVERDUE_AFTER, STALE_AFTER, Health, UnhealthyConnection
from shared.domain.institution_health.evidence import HealthState, Verdict

WIDTH = 40
BANKS_SHOWN = 3
WORST_FIRST = (
    HealthState.DOWN,
    HealthState.RECOVERING,
    HealthState.DEGRADED,
    HealthState.SUSPECTED,
    HealthState.HEALTHY,
)
SHOWN = 15  # unhealthy connections that fit on a screen
WORDS = {
    ItemStatus.GOOD: "good",
    ItemStatus.PENDING_EXPIRATION: "expires soon",
    ItemStatus.PENDING_DISCONNECT: "disconnects soon",
    ItemStatus.BAD: "needs its user",
    ItemStatus.ERROR: "unusable",
}


def screen(
    health: Health,
    unhealthy: Sequence[UnhealthyConnection],
    *,
    now: datetime,
    banks: Mapping[str, Verdict] = MappingProxyType({}),
) -> str:
    """Counts, problems, the worst banks (`banks` has verdicts by name), and the first unhealthy connections."""
    regions = f" ({health.in_europe} with the European keys)" if health.in_europe else ""
    lines = [f"{health.total} connections{regions}, {verdict(health)}", ""]
    for status, words in WORDS.items():
        count = health.statuses.get(status, 0)
        lines.append(f"  {words:<18} {count:>7}  {_bar(count, health.total)}".rstrip())
    hours, minutes = STALE_AFTER // timedelta(hours=1), OVERDUE_AFTER // timedelta(minutes=1)
    longest = f", the oldest for {_ago(health.longest_overdue)}" if health.longest_overdue else ""
    lines += [
        "",
        f"  stale              {health.stale:>7}  login works, but not synced for {hours} hours",
        f"  failing            {health.failing:>7}  latest sync failed; most are retried automatically",
        f"  overdue syncs      {health.overdue_syncs:>7}  due for more than {minutes} minutes{longest}",
        f"  overdue webhooks   {health.overdue_webhooks:>7}",
        f"  overdue removals   {health.overdue_removals:>7}",
    ]
    of_banks = _banks(banks, now)
    lines += of_banks
    shown = SHOWN - len(of_banks)
    if unhealthy:
        lines += ["", f"  {'connection':<32} {'bank':<18} {'problem':<32} since"]
        lines += [_row(one, now) for one in unhealthy[:shown]]
    if len(unhealthy) > shown:
        lines.append("  … and more")
    return "\n".join(lines)


def verdict(health: Health) -> str:
    """The one-line summary for an operator."""
    trouble = [
        f"{count} {what}"
        for count, what in (
            (health.stale, "stale"),
            (health.overdue_syncs, "syncs overdue"),
            (health.overdue_webhooks, "webhooks overdue"),
            (health.overdue_removals, "removals overdue"),
        )
        if count
    ]
    return f"needs attention: {', '.join(trouble)} (docs/operations.md)" if trouble else "no action needed"


def _row(one: UnhealthyConnection, now: datetime) -> str:
    trouble = " → ".join(filter(None, (one.error_code or one.status, one.action)))
    retry = f", retry in {_ago(one.next_retry_at - now)}" if one.next_retry_at and one.next_retry_at > now else ""
    since = f"{_ago(now - one.since)}{retry}" if one.since else ""
    bank = printable(one.institution or "")
    return f"  {one.connection_id:<32} {bank:<18.18} {printable(trouble):<32.32} {since}".rstrip()


def _banks(banks: Mapping[str, Verdict], now: datetime) -> list[str]:
    """The banks with a problem, the worst first; none while all are healthy."""
    found = [(name, one) for name, one in banks.items() if one.state is not HealthState.HEALTHY]
    if not found:
        return []
    found.sort(key=lambda each: (WORST_FIRST.index(each[1].state), each[1].since))
    lines = [
        f"  bank {one.state:<13} {printable(name):<32.32} {one.failing} of {one.seen} connections fail, "
        f"since {_ago(now - one.since)}"
        for name, one in found[:BANKS_SHOWN]
    ]
    return ["", *lines, *([f"  … and {len(found) - BANKS_SHOWN} more"] if len(found) > BANKS_SHOWN else [])]


def _bar(count: int, total: int) -> str:
    filled = -(-count * WIDTH // total) if total else 0  # rounded up, so that a count of 1 is visible
    return "█" * filled


def _ago(span: timedelta | None) -> str:
    """A time span in its largest unit, such as `3 h`."""
    seconds = int((span or timedelta()).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{max(seconds, 0)} s"
