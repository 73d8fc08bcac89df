"""Whose fault failures are: one bank's, or Plaid's and our own, which show at many banks at once.

A bank is blamed only if other banks work at that moment. Before it is blamed, connections of other banks are checked
(`Control`), and a few of its own again; that costs some free calls of /item/get per outage. The steps are:
judge; if the verdict is newly down or degraded, check OWN connections of the bank and CONTROLS of others; judge again;
`scope`; `attributed`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from shared.domain.institution_health.counting import tail
from shared.domain.institution_health.detector import UNHEALTHY
from shared.domain.institution_health.evidence import Baseline, Evidence, HealthState, PlaidStatus, Verdict

CONTROLS = 30
"""Connections of other institutions to check before a bank is blamed, of as many institutions as possible."""

OWN = 5
"""Connections of the bank itself to check at the same time: failures of a moment ago may be over."""

MOST_PAUSED = 3  # a fourth institution needs an operator
LARGEST_SHARE = 1 / 3
REMEMBERED_FOR = timedelta(minutes=60)
_UNUSUAL, _MORE_THAN_USUAL = 0.02, 0.3
_SURE = 450


class Scope(StrEnum):
    """Whose fault the failures of a bank are."""

    BANK = "bank"
    SHARED = "shared"  # Plaid's or our own
    UNCLEAR = "unclear"  # connections of other banks must be checked first


@dataclass(frozen=True, slots=True)
class Control:
    """A connection of another institution that was checked just now, with /item/get.

    Attributes:
        institution_id: The other institution. One that is already known to be unhealthy is no control.
        failed: Whether it failed.
        usual: The usual share of failures there (`Baseline.share`).
    """

    institution_id: str
    failed: bool
    usual: float


def scope(evidence: Evidence, controls: Sequence[Control], *, others: int, shared_at: datetime | None = None) -> Scope:
    """Decides whose fault the failures of an institution are.

    Args:
        evidence: The evidence against the institution.
        controls: Connections of other institutions that were checked just now.
        others: How many other institutions could be checked.
        shared_at: When failures of any institution were last attributed to Plaid or to us. For a while it then takes
            less to do so again.
    """
    plaid = evidence.plaid
    if plaid is not None and plaid.error_plaid > max(plaid.error_institution, 0.2):
        return Scope.SHARED
    if not others:
        return Scope.BANK
    if not controls:
        return Scope.UNCLEAR
    recently = shared_at is not None and evidence.now - shared_at <= REMEMBERED_FOR
    failing = [control for control in controls if control.failed]
    # With the bank itself these are three unrelated institutions; or all of them, where there are fewer.
    enough = 1 if recently else min(2, others)
    usual = sum(control.usual for control in controls) / len(controls)
    unusual = tail(len(failing), len(controls), Baseline(usual * (50 + _SURE) - 1.5, _SURE))
    if len({one.institution_id for one in failing}) >= enough and unusual < (
        _MORE_THAN_USUAL if recently else _UNUSUAL
    ):
        return Scope.SHARED
    return Scope.BANK


def attributed(verdict: Verdict, previous: Verdict | None, whose: Scope, now: datetime) -> Verdict:
    """The verdict after the scope is known: a bank that is not to blame is only suspected.

    A bank that was already down or degraded stays so: its outage is known, and a second cause does not end it.
    """
    if whose is Scope.BANK or verdict.state not in UNHEALTHY or (previous and previous.state in UNHEALTHY):
        return verdict
    since = previous.since if previous and previous.state is HealthState.SUSPECTED else now
    if whose is Scope.UNCLEAR:
        return replace(verdict, state=HealthState.SUSPECTED, since=since, reason="others_unknown")
    return replace(verdict, state=HealthState.SUSPECTED, since=since, reason="plaid_or_us", ignore_before=now)


def plaid_agrees(plaid: PlaidStatus | None) -> bool:
    """Whether Plaid itself reports that the bank fails."""
    return plaid is not None and plaid.success < 0.9 and plaid.error_institution >= plaid.error_plaid


def may_pause(evidence: Evidence, *, all_connections: int, others_paused: int) -> bool:
    """Whether a bank may be paused automatically; otherwise an operator decides.

    Args:
        evidence: The evidence against the bank.
        all_connections: The connections to all institutions.
        others_paused: Other institutions that are paused automatically now.
    """
    if plaid_agrees(evidence.plaid):
        return True
    return others_paused < MOST_PAUSED and evidence.connections <= LARGEST_SHARE * all_connections
