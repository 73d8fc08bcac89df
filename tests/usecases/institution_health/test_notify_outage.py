"""Users are notified of an outage once, if it matters to them, and of its end if they were."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import pytest

from shared.domain.connection import BankConnection, ItemStatus
from shared.domain.errors import ResourceExhausted, Unavailable
from shared.domain.institution_health.outage import Outage, Recipient
from shared.domain.notification import Notification
from shared.domain.progress import SyncStatus
from shared.ports import Profile
from shared.usecases.institution_health import notify_outage
from tests.usecases.conftest import World
from tests.usecases.institution_health.ground import BANK, HOUR, Ground

TICK = timedelta(minutes=15)


@pytest.fixture
def ground(world: World) -> Ground:
    return Ground(world)


def live(ground: Ground, outage: Outage, time: timedelta) -> None:
    """Scheduler runs during an outage, each of which announces it when that is due."""
    until = ground.world.clock.at + time
    due: datetime | None = ground.world.clock.at
    while ground.world.clock.at < until:
        ground.world.clock.move(TICK)
        if due is not None and due <= ground.world.clock.at:
            due = ground.notify.announce(outage)


def press_refresh(ground: Ground, user: str) -> None:
    ground.sync_requests.by_user(f"of-{user}", app_user_id=user, count=lambda: None)


def test_an_outage_is_announced_once_the_data_is_a_day_old(ground: Ground) -> None:
    ground.users("ann", "bob")
    outage = ground.goes_down()
    live(ground, outage, 23 * HOUR)
    assert ground.notifications("bank_down") == {}
    live(ground, outage, 2 * HOUR)
    told = ground.notifications("bank_down")
    assert set(told) == {"ann", "bob"}
    assert told["ann"].title == "Chase has an outage"
    times = {one.created_at for one in told.values()}
    live(ground, outage, 72 * HOUR)
    assert {one.created_at for one in ground.notifications("bank_down").values()} == times, "once per outage"


def test_a_short_outage_is_announced_to_nobody_although_data_is_old(ground: Ground) -> None:
    ground.users("ann")
    ground.world.clock.move(30 * HOUR)
    outage = ground.goes_down()
    live(ground, outage, 2 * HOUR - TICK)
    assert ground.notifications("bank_down") == {}
    live(ground, outage, TICK)
    assert set(ground.notifications("bank_down")) == {"ann"}


def test_the_announcement_waits_for_the_next_user_s_data_without_reading(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground.users("ann", "bob")
    ground.world.store.describe("of-ann", {"last_sync": ground.world.clock.at - 10 * HOUR})
    outage = ground.goes_down()
    reads: list[str] = []
    read = ground.world.store.of_institution

    def counted(bank: str) -> list[BankConnection]:
        reads.append(bank)
        return read(bank)

    monkeypatch.setattr(ground.world.store, "of_institution", counted)
    live(ground, outage, 40 * HOUR)
    assert set(ground.notifications("bank_down")) == {"ann", "bob"}
    assert len(reads) == 3, "after two hours, and when the data of each user is a day old"


def test_a_user_who_presses_refresh_is_notified_at_once_and_not_again(ground: Ground) -> None:
    ground.users("ann", "bob")
    outage = ground.goes_down()
    press_refresh(ground, "ann")
    first = ground.notifications("bank_down")
    assert set(first) == {"ann"}
    ground.world.clock.move(HOUR)
    press_refresh(ground, "ann")
    live(ground, outage, 30 * HOUR)
    assert ground.notifications("bank_down")["ann"] == first["ann"]


def test_a_refresh_during_an_outage_is_answered_with_the_reason(ground: Ground) -> None:
    ground.users("ann")
    outage = ground.goes_down()
    progress = ground.sync_requests.by_user("of-ann", app_user_id="ann", count=lambda: None)
    assert progress.status is SyncStatus.PENDING
    assert progress.error is not None
    assert (progress.error.code, progress.error.retryable, progress.error.action) == ("INSTITUTION_DOWN", True, None)
    assert progress.next_retry_at == outage.next_check_at
    assert ground.world.queue.tasks == [], "no run starts while the bank is down"
    assert ground.world.store.connections["of-ann"].status is ItemStatus.GOOD


def test_the_refresh_is_made_up_for_after_the_outage(ground: Ground) -> None:
    ground.users("ann")
    ground.goes_down()
    press_refresh(ground, "ann")
    refreshes = ground.world.calls.log.count("bank.refresh")
    ground.outages.now.clear()
    ground.world.clock.move(TICK)
    ground.world.tick()
    ground.world.settle()
    progress = ground.world.state("of-ann").progress()
    assert (progress.status, progress.error, progress.next_retry_at) == (SyncStatus.COMPLETED, None, None)
    assert ground.world.calls.log.count("bank.refresh") == refreshes + 1


def test_while_it_waits_the_next_try_is_never_in_the_past(ground: Ground) -> None:
    ground.users("ann")
    ground.goes_down()
    ground.world.pauses.pause(BANK, by="backend", reason="outage")
    press_refresh(ground, "ann")
    for _ in range(5):
        ground.world.clock.move(TICK)
        ground.world.tick()
        progress = ground.world.state("of-ann").progress()
        assert progress.error is not None
        assert progress.next_retry_at is not None
        assert progress.next_retry_at > ground.world.clock.at


def test_a_refused_refresh_is_refused_during_an_outage_too(ground: Ground) -> None:
    ground.users("ann")
    ground.goes_down()

    def refuse() -> None:
        raise ResourceExhausted("too many calls", code="rate_limited", retry_after_seconds=7)

    with pytest.raises(ResourceExhausted):
        ground.sync_requests.by_user("of-ann", app_user_id="ann", count=refuse)
    assert ground.world.state("of-ann").status is SyncStatus.COMPLETED


def test_those_who_were_notified_and_only_they_get_one_message_when_the_bank_is_back(ground: Ground) -> None:
    ground.users("ann", "bob")
    outage = ground.goes_down()
    press_refresh(ground, "ann")
    for _ in range(3):
        assert ground.notify.end(outage)
        ground.world.clock.move(TICK)
    back = ground.notifications("bank_back")
    assert set(back) == {"ann"}
    assert back["ann"].title == "Chase is back"
    assert back["ann"].created_at < ground.world.clock.at - 2 * TICK


def test_each_outage_is_announced_and_ended_on_its_own(ground: Ground) -> None:
    ground.users("ann")
    for _ in range(2):
        outage = ground.goes_down()
        press_refresh(ground, "ann")
        ground.notify.end(outage)
        ground.world.clock.move(HOUR)
    assert [one.kind for one in ground.world.store.notifications.values() if "bank_" in one.kind] == [
        *("bank_down", "bank_back") * 2
    ]


def test_notifications_are_in_the_user_s_language(ground: Ground) -> None:
    ground.users("ann")
    ground.world.profiles.of_user["ann"] = Profile(language="es-MX")
    outage = ground.goes_down()
    press_refresh(ground, "ann")
    ground.notify.end(outage)
    assert ground.notifications("bank_down")["ann"].title == "Chase tiene una avería"
    assert ground.notifications("bank_back")["ann"].title == "Chase vuelve a funcionar"


def test_many_users_are_notified_over_several_calls_each_once(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify_outage, "MOST_AT_ONCE", 3)
    everyone = {f"user-{i}" for i in range(8)}
    ground.users(*everyone)
    outage = ground.goes_down()
    ground.world.clock.move(25 * HOUR)
    calls = 1
    while ground.notify.announce(outage) is not None:
        calls += 1
    assert calls == math.ceil(8 / 3)
    assert set(ground.notifications("bank_down")) == everyone
    calls = 1
    while not ground.notify.end(outage):
        calls += 1
    assert calls == math.ceil(8 / 3)
    assert set(ground.notifications("bank_back")) == everyone


def test_an_interrupted_announcement_is_completed_by_the_next_call(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground.users("ann", "bob")
    outage = ground.goes_down()
    ground.world.clock.move(25 * HOUR)
    send = ground.notices.send

    def half(news: list[tuple[Recipient, Notification]]) -> None:
        send(news[:1])
        raise Unavailable("the store does not answer", code="store_unavailable")

    monkeypatch.setattr(ground.notices, "send", half)
    with pytest.raises(Unavailable):
        ground.notify.announce(outage)
    [first] = ground.notifications("bank_down").values()
    monkeypatch.setattr(ground.notices, "send", send)
    ground.world.clock.move(TICK)
    assert ground.notify.announce(outage) is None
    assert set(ground.notifications("bank_down")) == {"ann", "bob"}
    assert first in ground.notifications("bank_down").values()


def test_a_removed_connection_gets_no_notification(ground: Ground) -> None:
    ground.users("ann", "bob")
    outage = ground.goes_down()
    press_refresh(ground, "ann")
    press_refresh(ground, "bob")
    ground.world.remove("of-ann", owner="ann")
    ground.world.clean_up()
    assert ground.notify.end(outage)
    assert set(ground.notifications("bank_back")) == {"bob"}
    assert ground.world.left_of("of-ann") == []
