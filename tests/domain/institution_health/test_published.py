"""What apps read of a bank's health: rounded, and written only when something changes for users."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from shared.domain.institution_health.evidence import HealthState, OutageKind, Verdict
from shared.domain.institution_health.published import (
    RENEWED_EVERY,
    ROUNDED_TO,
    HealthMessage,
    InstitutionHealth,
)

NOW = datetime(2026, 3, 1, 14, 13, 27, 5, tzinfo=UTC)


def verdict(state: HealthState, kind: OutageKind | None = OutageKind.BOTH, *, share: float = 0.87) -> Verdict:
    return Verdict(state, kind, NOW - timedelta(minutes=3), share_failing=share, seen=23, failing=20, tail=1e-9)


def published(
    state: HealthState,
    kind: OutageKind | None = OutageKind.BOTH,
    *,
    share: float = 0.87,
    previous: InstitutionHealth | None = None,
    now: datetime = NOW,
) -> InstitutionHealth:
    return InstitutionHealth.of("ins_1", verdict(state, kind, share=share), previous=previous, now=now)


def test_share_and_times_are_rounded() -> None:
    found = published(HealthState.DOWN)
    assert found.share_failing == 0.9
    assert found.since == datetime(2026, 3, 1, 14, 10, tzinfo=UTC)
    assert found.updated_at == datetime(2026, 3, 1, 14, 10, tzinfo=UTC)


@given(some.datetimes(timezones=some.just(UTC)), some.floats(-1, 2))
def test_no_exact_time_or_share_can_be_read(at: datetime, share: float) -> None:
    given_verdict = Verdict(HealthState.DOWN, OutageKind.DATA, at, share_failing=share)
    found = InstitutionHealth.of("ins_1", given_verdict, previous=None, now=at)
    for time in (found.since, found.updated_at):
        assert (time.minute % 5, time.second, time.microsecond) == (0, 0, 0)
        assert timedelta() <= at - time < ROUNDED_TO
    assert found.share_failing in [tenth / 10 for tenth in range(11)]


def test_the_document_has_no_count_and_no_probability() -> None:
    fields = published(HealthState.DOWN).model_dump()
    assert set(fields) == {
        *("institution_id", "state", "kind", "since", "message_key", "share_failing", "updated_at"),
    }


@pytest.mark.parametrize(
    ("state", "kind", "message"),
    [
        (HealthState.HEALTHY, None, HealthMessage.OK),
        (HealthState.SUSPECTED, OutageKind.DATA, HealthMessage.OK),
        (HealthState.DEGRADED, OutageKind.DATA, HealthMessage.LATE),
        (HealthState.DOWN, OutageKind.LOGIN, HealthMessage.LOGIN_DOWN),
        (HealthState.DOWN, OutageKind.DATA, HealthMessage.DATA_DOWN),
        (HealthState.DOWN, OutageKind.BOTH, HealthMessage.DOWN),
        (HealthState.DOWN, None, HealthMessage.DOWN),
        (HealthState.RECOVERING, OutageKind.BOTH, HealthMessage.RECOVERING),
    ],
)
def test_each_state_has_a_message(state: HealthState, kind: OutageKind | None, message: HealthMessage) -> None:
    found = published(state, kind)
    assert found.message_key is message
    assert (found.share_failing == 0) == (message is HealthMessage.OK)


def test_a_suspicion_alone_is_not_published() -> None:
    assert not published(HealthState.SUSPECTED).replaces(None)
    assert not published(HealthState.SUSPECTED).replaces(published(HealthState.HEALTHY, None))


def test_an_outage_whose_evidence_is_too_old_is_no_longer_published_as_one() -> None:
    down = published(HealthState.DOWN)
    suspected = published(HealthState.SUSPECTED, previous=down)
    assert suspected.replaces(down)
    assert published(HealthState.HEALTHY, None, previous=suspected).replaces(suspected)


def test_a_healthy_bank_is_published_only_after_an_outage_and_once() -> None:
    healthy = published(HealthState.HEALTHY, None)
    assert not healthy.replaces(None)
    assert healthy.replaces(published(HealthState.RECOVERING))
    later = published(HealthState.HEALTHY, None, share=0.3, previous=healthy, now=NOW + timedelta(days=2))
    assert not later.replaces(healthy)


def test_an_unhealthy_bank_is_written_again_only_if_something_changes_or_to_renew_it() -> None:
    down = published(HealthState.DOWN)
    assert down.replaces(None)
    soon = NOW + RENEWED_EVERY - timedelta(minutes=10)
    assert not published(HealthState.DOWN, previous=down, now=soon).replaces(down)
    assert not published(HealthState.DOWN, share=0.91, previous=down, now=soon).replaces(down)
    assert published(HealthState.DOWN, share=0.5, previous=down, now=soon).replaces(down)
    assert published(HealthState.DOWN, previous=down, now=NOW + RENEWED_EVERY).replaces(down)


def test_attempts_to_resume_keep_the_beginning_of_the_outage() -> None:
    down = published(HealthState.DOWN)
    later = Verdict(HealthState.RECOVERING, OutageKind.BOTH, NOW + timedelta(hours=3))
    recovering = InstitutionHealth.of("ins_1", later, previous=down, now=NOW + timedelta(hours=3))
    again = Verdict(HealthState.DOWN, OutageKind.BOTH, NOW + timedelta(hours=4))
    relapsed = InstitutionHealth.of("ins_1", again, previous=recovering, now=NOW + timedelta(hours=4))
    assert recovering.since == relapsed.since == down.since


def test_an_outage_after_late_data_has_a_beginning_of_its_own() -> None:
    late = published(HealthState.DEGRADED)
    later = Verdict(HealthState.DOWN, OutageKind.BOTH, NOW + timedelta(hours=3))
    down = InstitutionHealth.of("ins_1", later, previous=late, now=NOW + timedelta(hours=3))
    assert down.since == datetime(2026, 3, 1, 17, 10, tzinfo=UTC)
