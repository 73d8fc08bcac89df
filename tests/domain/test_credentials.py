"""The state machine of an access token and its rotation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shared.domain import grace_periods
from shared.domain.audit import Actor
from shared.domain.connection import SealedToken
from shared.domain.credentials import StoredAccessToken

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OLD, NEW = SealedToken(ciphertext="old", key_id="k"), SealedToken(ciphertext="new", key_id="k")
REST = StoredAccessToken(connection_id="1", app_user_id="alice", item_id="item-1", token=OLD, issued_at=NOW)


def test_requested_rotation_is_due_for_the_scheduler_if_its_task_is_lost() -> None:
    wanted = REST.wanted(by=Actor.OPERATOR, now=NOW)
    assert (wanted.due_at, wanted.wanted_by) == (NOW + grace_periods.TASK, Actor.OPERATOR)
    assert wanted.wanted(by=Actor.BACKEND, now=NOW + timedelta(hours=1)) is wanted


def test_deferred_rotation_can_be_requested_again_but_not_a_running_one() -> None:
    later = REST.wanted(by=Actor.BACKEND, now=NOW).begun(now=NOW).refused(now=NOW)
    hurried = later.wanted(by=Actor.OPERATOR, now=NOW)
    assert (hurried.due_at, hurried.wanted_by, hurried.attempts) == (NOW + grace_periods.TASK, Actor.OPERATOR, 1)
    begun = hurried.begun(now=NOW)
    assert begun.wanted(by=Actor.OPERATOR, now=NOW) is begun


def test_mark_of_a_running_rotation_outlasts_its_process() -> None:
    begun = REST.wanted(by=Actor.OPERATOR, now=NOW).begun(now=NOW)
    assert begun.is_under_way(NOW + grace_periods.ROTATION)
    assert not begun.is_under_way(NOW + grace_periods.ROTATION + timedelta(seconds=1))
    assert begun.due_at == NOW + grace_periods.ROTATION
    assert grace_periods.STORING_TOKEN + timedelta(minutes=2) < grace_periods.ROTATION
    assert not REST.is_under_way(NOW)


def test_new_token_clears_the_rotation_fields() -> None:
    done = REST.wanted(by=Actor.OPERATOR, now=NOW).begun(now=NOW).replaced(NEW, now=NOW + timedelta(seconds=1))
    assert done == REST.model_copy(update={"token": NEW, "issued_at": NOW + timedelta(seconds=1)})


def test_refusal_clears_the_mark_and_backs_off() -> None:
    kept, delays = REST.wanted(by=Actor.OPERATOR, now=NOW), []
    for _ in range(6):
        kept = kept.begun(now=NOW).refused(now=NOW)
        assert (kept.rotating_since, kept.token, kept.wanted_by) == (None, OLD, Actor.OPERATOR)
        assert kept.due_at is not None
        delays.append(kept.due_at - NOW)
    assert delays == sorted(delays)
    assert delays[0] == timedelta(minutes=5)
    assert delays[-1] == delays[-2] == timedelta(hours=6)


def test_abandoned_rotation_is_not_due() -> None:
    assert REST.wanted(by=Actor.OPERATOR, now=NOW).begun(now=NOW).given_up() == REST
