"""Operator commands for outages of banks: health and override."""

import argparse
from collections.abc import Sequence
from datetime import datetime, timedelta

from emulators.terminal import printable
from operations.status import WORST_FIRST
from operations.who import operator, write_down
from shared.domain.errors import NotFound
from shared.domain.institution_health.evidence import HealthState, Verdict
from shared.domain.institution_health.record import HealthRecord
from shared.ports.explainer import Facts
from shared.serving import container, health_container
from shared.usecases.institution_health.override_health import LONGEST

LONGEST_HOURS = LONGEST // timedelta(hours=1)


def health(given: argparse.Namespace) -> str:
    """Show the health of banks: all with a problem, worst first, or --institution with its evidence."""
    now = container.clock().now()
    watchlist, _ = container.health_records().watchlist()
    if given.institution is not None:
        found = container.health_records().load(given.institution)
        if found is None and given.institution not in watchlist.institutions:
            raise NotFound("no connection belongs to this institution", code="institution_unknown")
        record = found[0] if found is not None else HealthRecord(institution_id=given.institution)
        return "\n".join([*_lines(record, now), *_details(record)])
    records = unsettled()
    lines = [line for record in records for line in _lines(record, now)]
    return "\n".join([*lines, f"{len(records)} of {len(watchlist.institutions)} banks have a problem"])


def override(given: argparse.Namespace) -> str:
    """Set a bank to down or healthy for some hours, whatever the evidence says; it takes effect within a minute."""
    connections = container.bank_contacts().count_at(given.institution)
    if not connections:
        raise NotFound("no connection belongs to this institution", code="institution_unknown")
    write_down(given)
    record = health_container.override_health()(
        given.institution, HealthState(given.state), lasting=given.lasting, by=operator()
    )
    until = record.override.until if record.override is not None else None
    return f"{given.institution} ({connections} connections) is {given.state} until {until:%Y-%m-%dT%H:%M:%SZ}"


def hours(text: str) -> timedelta:
    """Read a duration such as `6h`."""
    number = text.removesuffix("h")
    if not number.isdecimal() or not 1 <= int(number) <= LONGEST_HOURS:
        raise argparse.ArgumentTypeError(f"not a duration from 1h to {LONGEST_HOURS}h: {text!r}")
    return timedelta(hours=int(number))


def unsettled() -> list[HealthRecord]:
    """The records of all banks with a problem, worst first; reads one document for each."""
    records = container.health_records()
    watchlist, _ = records.watchlist()
    found = [loaded[0] for one in watchlist.unsettled if (loaded := records.load(one)) is not None]
    return sorted(found, key=lambda record: (WORST_FIRST.index(record.state), record.institution_id))


def verdicts() -> dict[str, Verdict]:
    """The verdicts on all banks with a problem, by the bank's name."""
    return {_name(record): record.shown for record in unsettled() if record.shown is not None}


def _name(record: HealthRecord) -> str:
    institution = container.institutions().find(record.institution_id)
    return institution.name if institution is not None else record.institution_id


def _lines(record: HealthRecord, now: datetime) -> Sequence[str]:
    """The explanation, and what the backend does."""
    if record.shown is None:
        return [f"{record.institution_id}  healthy: nothing has failed since it is watched"]
    facts = Facts(_name(record), record.shown, record.connections, record.plaid)
    lines = [f"{record.institution_id}  {printable(health_container.explainer().explain(facts))}"]
    lines += [f"    {action}" for action in _actions(record, now)]
    return lines


def _actions(record: HealthRecord, now: datetime) -> list[str]:
    recovery, actions = record.recovery, list[str]()
    if record.override is not None and now < record.override.until:
        actions.append(f"override: {record.override.state} by {record.override.by} until {_at(record.override.until)}")
    if recovery is not None and recovery.paused_until is not None and recovery.paused(now):
        actions.append(f"syncs paused until {_at(recovery.paused_until)}, unless renewed")
    elif record.state is HealthState.DOWN:
        actions.append("syncs not paused: too much fails at once, an operator must decide")
    if record.state is HealthState.RECOVERING and recovery is not None:
        waiting = container.bank_contacts().count_deferred(record.institution_id)
        actions.append(f"resuming: step {recovery.step}, {waiting} syncs wait, next step {_at(recovery.next_step_at)}")
    if record.state is HealthState.DEGRADED:
        actions.append("retries are spaced out")
    return actions


def _details(record: HealthRecord) -> list[str]:
    """The evidence, for one bank."""
    verdict, plaid, baseline = record.verdict, record.plaid, record.baseline
    lines = [f"    usual share of failures {baseline.share:.1%}, from {baseline.seen:.0f} outcomes"]
    if verdict is not None:
        lines.append(
            f"    rule {verdict.reason}: {verdict.failing} of {verdict.seen} connections of {verdict.users_failing} "
            f"users fail, judged {_at(record.planned_at)}"
        )
    if plaid is not None:
        lines.append(
            f"    Plaid at {_at(plaid.at)}: {plaid.success:.0%} succeed, errors of Plaid {plaid.error_plaid:.0%}, "
            f"of the bank {plaid.error_institution:.0%}, updates {plaid.refresh_interval}"
        )
    if record.probes.worked or record.probes.failed:
        lines.append(f"    latest probes: {record.probes.worked} worked, {record.probes.failed} failed")
    return lines


def _at(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment is not None else "unknown"
