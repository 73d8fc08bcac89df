"""When an exchange intent is due for the sweep."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.domain import grace_periods
from shared.domain.connection import SealedToken
from shared.domain.exchange import RESUMABLE_FOR, SWEPT_AGAIN_AFTER, Intent
from shared.domain.region import Region

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=3)
NEW = Intent.new(intent_id="i", app_user_id="alice", connection_id="c", attempt="a", region=Region.US, now=NOW)
EXCHANGED = NEW.exchanged(SealedToken(ciphertext="c", key_id="k"), item_id="item")


@pytest.mark.parametrize(
    ("intent", "due"),
    [
        (NEW, NOW + grace_periods.LOST_EXCHANGE),
        (NEW.released(), NOW + grace_periods.LOST_EXCHANGE),
        (NEW.taken_over(attempt="b", now=LATER), LATER + grace_periods.LOST_EXCHANGE),
        (NEW.used_up(now=LATER), LATER),
        (NEW.lost(), None),
        (EXCHANGED, NOW + RESUMABLE_FOR),
        (EXCHANGED.released(), NOW + RESUMABLE_FOR),
        (EXCHANGED.taken_over(attempt="b", now=LATER), LATER + RESUMABLE_FOR),
        (EXCHANGED.connected({"connection_id": "c"}), None),
        (EXCHANGED.duplicate_of("d", now=LATER), LATER + grace_periods.EXCHANGE),
        (EXCHANGED.duplicate_of("d", now=LATER).removed(), None),
        (EXCHANGED.abandoned(now=LATER), LATER + SWEPT_AGAIN_AFTER),
        (EXCHANGED.duplicate_of("d", now=NOW).postponed(now=LATER), LATER + SWEPT_AGAIN_AFTER),
    ],
)
def test_due_time_of_the_sweep(intent: Intent, due: datetime | None) -> None:
    assert intent.due_at == due
    held = intent.access_token is not None
    assert due is not None or not held, "a token is never forgotten"


def test_attempt_owns_the_intent_until_it_releases_it_or_its_grace_period_ends() -> None:
    assert not NEW.is_free(NOW + grace_periods.EXCHANGE)
    assert NEW.is_free(NOW + grace_periods.EXCHANGE + timedelta(seconds=1))
    assert NEW.released().is_free(NOW)
    taken = NEW.taken_over(attempt="b", now=LATER)
    assert not taken.is_free(LATER + grace_periods.EXCHANGE)
    assert taken.attempt == "b"


def test_key_pair_of_the_first_call_stays_unless_another_session_is_named() -> None:
    abroad = replace(NEW, region=Region.EU)
    assert abroad.taken_over(attempt="b", now=LATER).region is Region.EU
    assert NEW.taken_over(attempt="b", named=Region.EU, now=LATER).region is Region.EU
    assert EXCHANGED.taken_over(attempt="b", named=Region.EU, now=LATER).region is Region.US, "the token has a pair"


@pytest.mark.parametrize(
    "ended",
    [
        NEW.lost(),
        EXCHANGED.abandoned(now=NOW),
        EXCHANGED.duplicate_of("d", now=NOW),
        EXCHANGED.connected({"connection_id": "c"}),
    ],
)
def test_settled_intent_cannot_be_resumed(ended: Intent) -> None:
    assert not ended.is_free(LATER)
    assert not ended.released().is_free(LATER)


def test_outcome_of_an_intent() -> None:
    assert NEW.lost().came_to_nothing
    assert EXCHANGED.abandoned(now=NOW).came_to_nothing
    assert EXCHANGED.duplicate_of("d", now=NOW).duplicate == "d"
    for something in (
        NEW,
        EXCHANGED,
        EXCHANGED.duplicate_of("d", now=NOW),
        EXCHANGED.connected({"connection_id": "c"}),
    ):
        assert not something.came_to_nothing
    assert EXCHANGED.connected({"connection_id": "c"}).duplicate is None
