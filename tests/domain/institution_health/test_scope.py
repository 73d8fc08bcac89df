"""A bank is blamed only if other banks work."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.institution_health.evidence import Evidence, HealthState, OutageKind, PlaidStatus, Verdict
from shared.domain.institution_health.scope import Control, Scope, attributed, may_pause, scope

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DOWN = Verdict(HealthState.DOWN, OutageKind.DATA, NOW)


def evidence(plaid: PlaidStatus | None = None, connections: int = 30) -> Evidence:
    return Evidence("ins_1", NOW, connections, plaid=plaid)


def controls(failing: int, of: int = 20) -> list[Control]:
    return [Control(f"ins_{n + 2}", n < failing, 0.0144) for n in range(of)]


@pytest.mark.parametrize(
    ("failing", "whose"), [(0, Scope.BANK), (1, Scope.BANK), (3, Scope.SHARED), (20, Scope.SHARED)]
)
def test_failures_at_three_banks_at_once_are_not_the_banks_fault(failing: int, whose: Scope) -> None:
    assert scope(evidence(), controls(failing), others=30) is whose


def test_other_banks_must_be_checked_first() -> None:
    assert scope(evidence(), [], others=5) is Scope.UNCLEAR


def test_only_bank_of_a_deployment_is_blamed() -> None:
    assert scope(evidence(), [], others=0) is Scope.BANK


def test_many_connections_of_one_other_bank_are_one_bank() -> None:
    same = [Control("ins_2", True, 0.0144)] * 5 + controls(0, of=15)
    assert scope(evidence(), same, others=16) is Scope.BANK


def test_second_of_two_banks_failing_means_plaid_or_us() -> None:
    assert scope(evidence(), [Control("ins_2", True, 0.01)] * 5, others=1) is Scope.SHARED


def test_shared_failure_is_remembered_for_an_hour() -> None:
    assert scope(evidence(), controls(1), others=30, shared_at=NOW - timedelta(minutes=30)) is Scope.SHARED
    assert scope(evidence(), controls(1), others=30, shared_at=NOW - timedelta(minutes=90)) is Scope.BANK


def test_plaid_that_blames_itself_is_believed() -> None:
    assert scope(evidence(PlaidStatus(NOW, 0.3, 0.65, 0.05)), controls(0), others=30) is Scope.SHARED


def test_bank_that_is_not_to_blame_is_only_suspected_and_forgets_the_failures() -> None:
    verdict = attributed(DOWN, None, Scope.SHARED, NOW)
    assert (verdict.state, verdict.reason, verdict.ignore_before) == (HealthState.SUSPECTED, "plaid_or_us", NOW)
    assert attributed(DOWN, None, Scope.UNCLEAR, NOW).reason == "others_unknown"
    assert attributed(DOWN, None, Scope.BANK, NOW) is DOWN


def test_known_outage_is_not_ended_by_a_second_cause() -> None:
    assert attributed(DOWN, DOWN, Scope.SHARED, NOW) is DOWN


def test_fourth_bank_or_a_large_one_is_paused_only_if_plaid_agrees() -> None:
    agrees = PlaidStatus(NOW, 0.2, 0.0, 0.8)
    assert may_pause(evidence(), all_connections=100, others_paused=2)
    assert not may_pause(evidence(), all_connections=100, others_paused=3)
    assert not may_pause(evidence(connections=34), all_connections=100, others_paused=0)
    assert may_pause(evidence(agrees, connections=34), all_connections=100, others_paused=3)
