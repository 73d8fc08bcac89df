"""Logs changes of an institution's health; metrics and alerts are made from these lines."""

from shared.domain.institution_health.evidence import HealthState, Verdict
from shared.log import log

_TROUBLE = frozenset([HealthState.DEGRADED, HealthState.DOWN, HealthState.RECOVERING])


def report_verdict(institution_id: str, before: Verdict | None, after: Verdict) -> None:
    """Logs that an institution is suspected, down, or healthy again; nothing if its state is the same.

    Call it after the verdict is stored: a line that is logged twice counts twice.
    """
    previous = before.state if before is not None else HealthState.HEALTHY
    if after.state is previous:
        return
    if after.state is HealthState.SUSPECTED and previous is HealthState.HEALTHY:
        log.info("institution.suspected", institution_id=institution_id, reason=after.reason)
    elif after.state is HealthState.DOWN:
        log.warning(
            "institution.down",
            institution_id=institution_id,
            kind=after.kind,
            reason=after.reason,
            seen=after.seen,
            failing=after.failing,
        )
    elif after.state is HealthState.HEALTHY and previous in _TROUBLE:
        log.info("institution.recovered", institution_id=institution_id, before=previous)


def report_refused_pause(institution_id: str, verdict: Verdict, *, why: str) -> None:
    """Logs that a bank is down, but its syncs are not paused automatically: an operator decides.

    Args:
        institution_id: The institution.
        verdict: The verdict on it.
        why: A stable code of the reason: too many institutions at once, or too large a share of all connections.
    """
    log.error(
        "institution.pause_refused",
        institution_id=institution_id,
        why=why,
        reason=verdict.reason,
        seen=verdict.seen,
        failing=verdict.failing,
    )
