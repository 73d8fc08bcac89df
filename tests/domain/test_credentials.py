"""An access token and its replacement, as the pure machine that it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shared.domain import grace_periods
from shared.domain.audit import Actor
from shared.domain.connection import SealedToken
from shared.domain.credentials import StoredAccessToken

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OLD, NEW = SealedToken(ciphertext="old", key_id="k"), SealedToken(ciphertext="new", key_id="k")
REST = StoredAccessToken(connection_id="1", app_user_id="alice", item_id="item-1", token=OLD, issued_at=NOW)


def test_what_is_wanted_is_found_by_the_schedule_if_its_task_is_lost() -> None:
    wanted = REST.wanted(by=Actor.OPERATOR, now=NOW)
    assert (wanted.due_at, wanted.wanted_by) == (NOW + grace_periods.TASK, Actor.OPERATOR)
    assert wanted.wanted(by=Actor.BACKEND, now=NOW + timedelta(hours=1)) is wanted


def test_what_was_put_off_can_be_wanted_now_but_not_what_is_under_way() -> None:
    later = REST.wanted(by=Actor.BACKEND, now=NOW).begun(now=NOW).refused(now=NOW)
    hurried = later.wanted(by=Actor.OPERATOR, now=NOW)
    assert (hurried.due_at, hurried.wanted_by, hurried.attempts) == (NOW + grace_periods.TASK, Actor.OPERATOR, 1)
    begun = hurried.begun(now=NOW)
    assert begun.wanted(by=Actor.OPERATOR, now=NOW) is begun


def test_a_mark_says_for_longer_than_a_process_may_work_that_somebody_is_at_it() -> None:
    begun = REST.wanted(by=Actor.OPERATOR, now=NOW).begun(now=NOW)
    assert begun.is_under_way(NOW + grace_periods.ROTATION)
    assert not begun.is_under_way(NOW + grace_periods.ROTATION + timedelta(seconds=1))
    assert begun.due_at == NOW + grace_periods.ROTATION
    assert grace_periods.STORING_TOKEN + timedelta(minutes=2) < grace_periods.ROTATION
    assert not REST.is_under_way(NOW)


def test_a_new_token_leaves_nothing_of_its_replacement() -> None:
    done = REST.wanted(by=Actor.OPERATOR, now=NOW).begun(now=NOW).replaced(NEW, now=NOW + timedelta(seconds=1))
    assert done == REST.model_copy(update={"token": NEW, "issued_at": NOW + timedelta(seconds=1)})


def test_a_refusal_takes_the_mark_away_and_comes_again_later_and_later() -> None:
    kept, delays = REST.wanted(by=Actor.OPERATOR, now=NOW), []
    for _ in range(6):
        kept = kept.begun(now=NOW).refused(now=NOW)
        assert (kept.rotating_since, kept.token, kept.wanted_by) == (None, OLD, Actor.OPERATOR)
        assert kept.due_at is not None
        delays.append(kept.due_at - NOW)
    assert delays == sorted(delays)
    assert delays[0] == timedelta(minutes=5)
    assert delays[-1] == delays[-2] == timedelta(hours=6)


def test_what_is_given_up_is_at_rest() -> None:
    assert REST.wanted(by=Actor.OPERATOR, now=NOW).begun(now=NOW).given_up() == REST
