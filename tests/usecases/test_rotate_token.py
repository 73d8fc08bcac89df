"""An access token is replaced: whatever breaks, one that works is left, but for a window of one outside call."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.audit import Actor, AuditAction
from shared.domain.connection import Action, ItemStatus
from shared.domain.credentials import BROKEN_OFF_AFTER, KeptToken
from shared.domain.errors import BankError, Fault, NotFound, ProviderError, Unavailable
from shared.domain.removal import Removal, RemovalReason
from shared.ports import TaskFunction
from shared.usecases import read_changes
from shared.usecases.create_link_token import LinkDefaults, LinkWish, create_link_token
from shared.usecases.sync_transactions import Outcome
from tests.fakes import Crash, FakeLinks, FakeProfiles, problem, row
from tests.usecases.conftest import ALICE, World

LATER = BROKEN_OFF_AFTER + timedelta(seconds=1)


@pytest.fixture
def connected(world: World) -> World:
    world.connected("1", *(row(f"t{n}") for n in range(5)))
    world.settle()
    return world


def ask(world: World) -> None:
    assert world.rotations.ask("1", by=Actor.OPERATOR)


def work(world: World, *, turns: int = 1) -> None:
    """The queue delivers what waits; the schedule finds what is left."""
    for _ in range(turns):
        while world.queue.others:
            function, payload = world.queue.others.pop(0)
            assert function == TaskFunction.ROTATE_TOKEN
            try:
                world.rotation(payload["connection_id"])
            except BankError:
                world.queue.others.append((function, payload))
                world.clock.move(timedelta(seconds=60))
        world.clock.move(timedelta(minutes=15))
        world.rotations.sweep()


def rotate(world: World) -> None:
    ask(world)
    world.queue.others.clear()
    world.rotation("1")


def kept(world: World) -> KeptToken:
    return world.store.kept["1"][0]


def stored(world: World) -> str:
    return world.store.tokens["1"].ciphertext.split("/")[-1]


def works(world: World) -> bool:
    return stored(world) in world.bank.items


def actions(world: World) -> list[AuditAction]:
    return [entry.action for entry in world.store.audit[ALICE]]


def is_lost(world: World) -> bool:
    """Whether the token is taken for lost, with everything that belongs to it; or with nothing of it."""
    connection = world.store.connections["1"]
    lost = AuditAction.TOKEN_LOST in actions(world)
    assert (connection.status is ItemStatus.ERROR) is lost
    assert (connection.action is Action.RELINK) is lost
    assert any("needs_relink" in name for name in world.store.notifications) is lost
    return lost


def test_a_token_is_replaced_and_the_next_sync_goes_on_where_the_last_one_was(connected: World) -> None:
    world, before = connected, connected.store.kept["1"][0]
    cursor = world.state().cursor
    rotate(world)
    assert stored(world) == "token-1+"
    assert "token-1" in world.bank.dead_tokens
    assert kept(world).issued_at > before.issued_at
    assert kept(world).given_up() == kept(world)
    entry = world.store.audit[ALICE][-1]
    assert (entry.action, entry.actor, entry.connection_id) == (AuditAction.TOKEN_ROTATED, Actor.OPERATOR, "1")
    assert "token" not in str(entry.details)
    world.bank.by_id("item-1").add(row("t9"))
    world.clock.move(timedelta(hours=13))
    world.tick()
    assert world.state().cursor == cursor
    world.settle()
    assert world.equals_truth()
    assert world.state().added == 1, "it read on from its cursor"


def test_what_nobody_wants_is_left_alone(connected: World) -> None:
    connected.rotation("1")
    connected.rotation("unknown")
    assert "bank.invalidate" not in connected.calls.log
    rotate(connected)
    connected.rotation("1")
    assert connected.calls.log.count("bank.invalidate") == 1


def test_of_two_deliveries_at_once_one_works_and_the_other_comes_again(connected: World) -> None:
    world, refused = connected, []

    def second(name: str) -> None:
        if name == "bank.invalidate":
            world.calls.before = None
            with pytest.raises(Unavailable) as busy:
                world.rotation("1")
            refused.append(busy)

    world.calls.before = second
    rotate(world)
    assert refused
    assert works(world)
    assert world.calls.log.count("bank.invalidate") == 1


@pytest.mark.parametrize("where", ["crash_before", "crash_after"])
def test_a_crash_anywhere_leaves_a_token_that_works_but_in_a_window_of_one_call(where: str) -> None:
    undisturbed = World()
    undisturbed.connected("1", row("t1"))
    undisturbed.settle()
    start = len(undisturbed.calls.log)
    rotate(undisturbed)
    calls = undisturbed.calls.log[start:]
    lost = []
    for number, name in enumerate(calls):
        world = World()
        world.connected("1", row("t1"))
        world.settle()
        assert len(world.calls.log) == start
        setattr(world.calls, where, start + number)
        with pytest.raises(Crash):
            rotate(world)
        setattr(world.calls, where, None)
        world.clock.move(LATER)
        world.rotations.sweep()
        work(world, turns=2)
        at = f"{where} {number}: {name}"
        assert kept(world).due_at is None, at
        assert works(world) is not is_lost(world), at
        if is_lost(world):
            lost.append(number)
            continue
        world.bank.by_id("item-1").add(row("t2"))
        world.clock.move(timedelta(hours=13))
        world.tick()
        world.settle()
        assert world.equals_truth(), at
        asked = number > calls.index("credentials.save") - (where == "crash_after")
        assert stored(world) == ("token-1+" if asked else "token-1"), at
    answered = calls.index("bank.invalidate")
    assert calls[answered + 1] == "credentials.save", "what Plaid answers is stored before any other call"
    assert lost == [answered if where == "crash_after" else answered + 1]


def test_two_crashes_in_a_row_lose_nothing_but_in_that_window(connected: World) -> None:
    for first in range(8):
        for second in range(8):
            world = World()
            world.connected("1", row("t1"))
            world.settle()
            for steps in (first, second):
                world.calls.crash_before = len(world.calls.log) + steps
                begun = len(world.calls.log)
                try:
                    world.rotations.ask("1", by=Actor.OPERATOR)
                    world.clock.move(LATER)
                    world.rotations.sweep()
                    world.rotation("1")
                except Crash:
                    pass
                in_window = "bank.invalidate" in world.calls.log[begun:]
                world.calls.crash_before = None
                if in_window:
                    break
            world.clock.move(LATER)
            world.rotations.sweep()
            work(world, turns=2)
            assert works(world) is not is_lost(world)
            assert kept(world).rotating_since is None


def test_a_lost_token_is_told_once_and_loudly(connected: World, caplog: pytest.LogCaptureFixture) -> None:
    world = connected
    world.calls.crash_after = len(world.calls.log) + 5
    ask(world)
    with pytest.raises(Crash):
        world.rotation("1")
    assert world.calls.log[-1] == "bank.invalidate"
    world.calls.crash_after = None
    with pytest.raises(Unavailable):
        world.rotation("1")
    assert not is_lost(world), "not before nobody can be at it any more"
    world.clock.move(LATER)
    with caplog.at_level(logging.ERROR, logger="bank"):
        world.rotation("1")
        world.rotation("1")
    assert is_lost(world)
    assert [record.message for record in caplog.records] == ["rotation.token_lost"]
    assert "token-1" not in caplog.text
    assert actions(world).count(AuditAction.TOKEN_LOST) == 1
    told = world.state()
    assert (told.status, told.error and told.error.action, told.due_at) == ("failed", Action.RELINK, None)
    assert world.tick() == 0


# -- syncs and checks meanwhile ------------------------------------------------------------------------------------


@pytest.fixture(params=["atomic", "streamed"])
def _size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "streamed":
        monkeypatch.setattr(read_changes, "MAX_ATOMIC_ROWS", 2)
        monkeypatch.setattr(read_changes, "STREAM_ROWS", 2)


def changed(world: World) -> None:
    """A connection with news at the bank, and a sync that is due."""
    item = world.connected("1", *(row(f"t{n}") for n in range(5)))
    world.settle()
    item.add(*(row(f"u{n}") for n in range(6)))
    item.remove("t0", "t1")
    world.clock.move(timedelta(hours=13))
    world.tick()


@pytest.mark.usefixtures("_size")
def test_a_token_replaced_at_any_call_of_a_sync_stops_no_sync_and_blames_nobody() -> None:
    undisturbed = World()
    changed(undisturbed)
    start = len(undisturbed.calls.log)
    undisturbed.settle()
    for number in range(start, len(undisturbed.calls.log)):
        world = World()
        changed(world)
        replace_before(world, number)
        world.settle()
        assert stored(world) == "token-1+", world.calls.log[number]
        assert world.equals_truth(), world.calls.log[number]
        assert world.store.connections["1"].status is ItemStatus.GOOD
        assert world.state().failures == 0
        assert world.store.notifications.keys() <= {"first_sync_done-1"}


def replace_before(world: World, number: int) -> None:
    def hook(_: str) -> None:
        if len(world.calls.log) - 1 == number:
            world.calls.before = None
            rotate(world)

    world.calls.before = hook


def test_a_sync_that_meets_a_token_being_replaced_waits_and_blames_nobody(connected: World) -> None:
    world = connected
    world.bank.by_id("item-1").add(row("t9"))
    world.clock.move(timedelta(hours=13))
    world.tick()
    synced: list[Outcome] = []

    def meanwhile(name: str) -> None:
        if name == "credentials.save" and "token-1" in world.bank.dead_tokens:
            world.calls.before = None
            synced.extend(world.sync(task="t") for _ in range(3))

    world.calls.before = meanwhile
    rotate(world)
    assert synced == [Outcome.AGAIN, Outcome.AGAIN, Outcome.DONE]
    assert (world.state().status, world.state().failures, world.state().error) == ("pending", 0, None)
    assert world.store.connections["1"].status is ItemStatus.GOOD
    world.tick()
    world.settle()
    assert world.equals_truth()


def test_an_unknown_token_that_nobody_replaces_is_still_judged_as_before(connected: World) -> None:
    world = connected
    world.bank.dead_tokens.add("token-1")
    world.clock.move(timedelta(hours=13))
    world.tick()
    world.sync()
    failed = world.state().error
    assert failed is not None
    assert failed.code == "INVALID_ACCESS_TOKEN"
    assert world.store.connections["1"].status is ItemStatus.GOOD, "wrong keys of ours look just like this"


def meet(world: World, other: Callable[[], Any], *, when: str) -> Any:
    """What somebody else gets who comes in the middle of a replacement: Plaid has answered, nothing is stored yet."""
    got: list[Any] = []

    def meanwhile(name: str) -> None:
        if name == when and "token-1" in world.bank.dead_tokens:
            world.calls.before = None
            try:
                got.append(other())
            except BankError as error:
                got.append(error)

    world.calls.before = meanwhile
    rotate(world)
    return got[0]


def link(world: World) -> Any:
    return create_link_token(
        LinkWish(connection_id="1"),
        app_user_id=ALICE,
        defaults=LinkDefaults("en", ("US",), ("transactions",), None),
        bank=world.bank,
        vault=world.vault,
        connections=world.store,
        credentials=world.credentials,
        profiles=FakeProfiles(),
        links=FakeLinks(),
        clock=world.clock,
    )


def test_checks_and_links_that_meet_a_token_being_replaced_are_to_come_again(connected: World) -> None:
    busy = meet(connected, lambda: connected.check.by_day("1"), when="credentials.save")
    assert isinstance(busy, Unavailable)
    assert busy.retry_after_seconds
    assert connected.check.by_day("1") is not None
    assert link(connected).link_token


def test_a_check_that_had_the_old_token_asks_again_with_the_new_one(connected: World) -> None:
    def replaced_meanwhile(name: str) -> None:
        if name == "bank.item":
            connected.calls.before = None
            rotate(connected)

    connected.calls.before = replaced_meanwhile
    connected.check.by_day("1")
    assert connected.calls.log.count("bank.item") == 2
    assert connected.store.connections["1"].status is ItemStatus.GOOD


# -- Plaid, the store and the vault fail ---------------------------------------------------------------------------


def no_answer() -> ProviderError:
    return ProviderError("", fault=Fault.TRANSIENT, error_type="TRANSPORT", error_code="NO_ANSWER")


def test_no_answer_leaves_the_mark_until_the_old_token_tells(connected: World) -> None:
    world = connected
    world.bank.fail("invalidate", no_answer())
    ask(world)
    with pytest.raises(ProviderError):
        world.rotation("1")
    assert kept(world).rotating_since is not None
    with pytest.raises(Unavailable):
        world.rotation("1")
    assert world.calls.log.count("bank.invalidate") == 1, "never sent again while it may still be done"
    world.clock.move(LATER)
    world.rotation("1")
    assert stored(world) == "token-1+"
    assert not is_lost(world)


def test_an_answer_that_was_lost_is_found_out(connected: World) -> None:
    """The network is an outside, too: this is the same window."""
    world = connected
    really: Any = world.bank.invalidate

    def invalidate(token: Any) -> Any:
        really(token)
        raise no_answer()

    setattr(world.bank, "invalidate", invalidate)  # noqa: B010 (a method, for one test)
    ask(world)
    with pytest.raises(ProviderError):
        world.rotation("1")
    world.clock.move(LATER)
    world.rotation("1")
    assert is_lost(world)


def test_a_request_done_late_by_plaid_is_no_refusal(connected: World) -> None:
    """The first request took effect after the old token was seen to work, and before the second."""
    world = connected
    world.bank.fail("invalidate", no_answer())
    ask(world)
    with pytest.raises(ProviderError):
        world.rotation("1")
    world.clock.move(LATER)

    def late(name: str) -> None:
        if name == "bank.invalidate":
            world.bank.dead_tokens.add("token-1")

    world.calls.before = late
    with pytest.raises(ProviderError):
        world.rotation("1")
    assert kept(world).rotating_since is not None
    world.clock.move(LATER)
    world.rotation("1")
    assert is_lost(world)


def test_a_refusal_takes_the_mark_away_and_is_tried_again_later(connected: World) -> None:
    world = connected
    world.bank.fail("invalidate", problem(Fault.TRANSIENT, "RATE_LIMIT"))
    rotate(world)
    assert kept(world).rotating_since is None
    assert works(world)
    world.sync()
    world.clock.move(timedelta(minutes=10))
    assert world.rotations.sweep() == 1
    work(world)
    assert stored(world) == "token-1+"


def test_wrong_keys_of_ours_blame_nobody(connected: World, caplog: pytest.LogCaptureFixture) -> None:
    world = connected
    world.bank.fail("invalidate", problem(Fault.TERMINAL, "INVALID_ACCESS_TOKEN", item_status=ItemStatus.ERROR))
    with caplog.at_level(logging.ERROR, logger="bank"):
        rotate(world)
    assert [record.message for record in caplog.records] == ["rotation.refused"]
    assert kept(world).rotating_since is None
    assert not is_lost(world)
    world.clock.move(timedelta(hours=1))
    assert world.rotations.sweep() == 1
    work(world)
    assert stored(world) == "token-1+"


def test_a_token_taken_for_lost_with_wrong_keys_heals_with_right_ones(connected: World) -> None:
    world = connected
    world.bank.fail("invalidate", no_answer())
    ask(world)
    with pytest.raises(ProviderError):
        world.rotation("1")
    world.clock.move(LATER)
    world.bank.dead_tokens.add("token-1")
    world.rotation("1")
    assert is_lost(world)
    world.bank.dead_tokens.clear()
    world.clock.move(timedelta(days=1))
    world.check.by_day("1")
    world.settle()
    assert world.store.connections["1"].status is ItemStatus.GOOD


def test_an_item_that_is_gone_has_no_token_to_replace(connected: World) -> None:
    world = connected
    del world.bank.items["token-1"]
    rotate(world)
    assert kept(world).due_at is None
    assert not is_lost(world), "what becomes of the connection is for sync and check to say"


def test_plaid_being_down_when_a_replacement_is_looked_into_changes_nothing(connected: World) -> None:
    world = connected
    world.bank.fail("invalidate", no_answer())
    world.bank.fail("item", no_answer(), no_answer())
    ask(world)
    for _ in range(3):
        with pytest.raises(ProviderError):
            world.rotation("1")
        world.clock.move(LATER)
    assert not is_lost(world)
    world.rotation("1")
    assert works(world)


def test_a_token_of_an_item_in_trouble_is_known_all_the_same(connected: World) -> None:
    world = connected
    world.bank.fail("invalidate", no_answer(), problem(Fault.TERMINAL, "INSTITUTION_NO_LONGER_SUPPORTED"))
    world.bank.fail("item", problem(Fault.TERMINAL, "INSTITUTION_NO_LONGER_SUPPORTED"))
    ask(world)
    with pytest.raises(ProviderError):
        world.rotation("1")
    world.clock.move(LATER)
    world.rotation("1")
    assert not is_lost(world)
    assert kept(world).due_at is None


def down(world: World, what: str, *, until: Callable[[], bool]) -> None:
    """The store does not answer, from Plaid's answer on."""

    def hook(name: str) -> None:
        if name.startswith(what) and "token-1" in world.bank.dead_tokens and not until():
            raise Unavailable("down", code="store_unavailable")

    world.calls.before = hook


def test_as_long_as_the_process_lives_the_new_token_is_stored_as_soon_as_the_store_is_back(connected: World) -> None:
    world = connected
    back = world.clock.at + timedelta(minutes=2)
    down(world, "credentials", until=lambda: world.clock.at > back)
    rotate(world)
    assert stored(world) == "token-1+"
    assert kept(world).rotating_since is None
    assert not world.bank.removed


@pytest.mark.parametrize("plaid_is_down", [False, True])
def test_a_token_that_can_be_stored_nowhere_leaves_no_item_behind(
    connected: World, caplog: pytest.LogCaptureFixture, plaid_is_down: bool
) -> None:
    world = connected
    down(world, "credentials", until=lambda: False)
    if plaid_is_down:
        world.bank.fail("remove", no_answer())
    ask(world)
    begun = world.clock.at
    with pytest.raises(Unavailable), caplog.at_level(logging.ERROR, logger="bank"):
        world.rotation("1")
    assert timedelta(minutes=3) < world.clock.at - begun < BROKEN_OFF_AFTER
    told = "rotation.orphan" if plaid_is_down else "rotation.item_removed"
    assert [record.message for record in caplog.records] == [told]
    assert world.bank.removed == ([] if plaid_is_down else ["item-1"])
    world.calls.before = None
    world.clock.move(LATER)
    world.rotation("1")
    assert is_lost(world)


@pytest.mark.parametrize("nth", [1, 2])
def test_a_lost_answer_of_the_store_is_no_loss(connected: World, nth: int) -> None:
    world, saves = connected, [0]
    really = world.credentials.save
    ask(world)

    def save(*args: Any, **kwargs: Any) -> Any:
        saves[0] += 1
        version = really(*args, **kwargs)
        if saves[0] == nth:
            raise Unavailable("no answer", code="store_unavailable")
        return version

    world.credentials.save = save  # type: ignore[method-assign]
    if nth == 1:
        with pytest.raises(Unavailable):
            world.rotation("1")
        world.clock.move(LATER)
        world.rotation("1")
    else:
        world.rotation("1")
    assert stored(world) == "token-1+"
    assert actions(world).count(AuditAction.TOKEN_ROTATED) == 1


def test_somebody_who_writes_the_credentials_meanwhile_does_not_cost_the_new_token(connected: World) -> None:
    world = connected

    def touch(name: str) -> None:
        if name == "credentials.save" and "token-1" in world.bank.dead_tokens:
            world.calls.before = None
            world.store.put_kept(kept(world).requeued(now=world.clock.now()))

    world.calls.before = touch
    rotate(world)
    assert stored(world) == "token-1+"
    assert kept(world).due_at is None


def test_a_process_that_slept_past_its_time_still_brings_its_token(connected: World) -> None:
    """Its mark was taken for broken off, and its token for lost, just before it stores it."""
    world = connected

    def asleep(name: str) -> None:
        if name == "credentials.save" and "token-1" in world.bank.dead_tokens:
            world.calls.before = None
            world.clock.move(LATER)
            world.rotation("1")
            assert is_lost(world)

    world.calls.before = asleep
    rotate(world)
    assert works(world)
    world.check.by_day("1")
    world.settle()
    assert world.store.connections["1"].status is ItemStatus.GOOD


def test_a_vault_that_cannot_seal_is_found_out_while_the_old_token_lives(connected: World) -> None:
    world = connected

    def seal(*_: Any, **__: Any) -> Any:
        raise problem(Fault.CONFIGURATION, "NO_VAULT_KEY")

    world.vault.seal = seal  # type: ignore[method-assign]
    ask(world)
    with pytest.raises(ProviderError):
        world.rotation("1")
    assert "bank.invalidate" not in world.calls.log
    assert kept(world).rotating_since is None


# -- removal meanwhile ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tombstone", [True, False])
def test_the_new_token_of_a_connection_that_is_being_removed_goes_to_its_removal(
    connected: World, tombstone: bool
) -> None:
    world = connected

    def remove(name: str) -> None:
        if name == "credentials.save" and "token-1" in world.bank.dead_tokens:
            world.calls.before = None
            connection, old = world.store.connections.pop("1"), world.store.tokens.pop("1")
            if tombstone:
                begun = Removal.of(connection, token=old, reason=RemovalReason.USER, now=world.clock.now())
                world.store.tombstones["1"] = begun

    world.calls.before = remove
    rotate(world)
    assert "1" not in world.store.tokens
    if not tombstone:
        assert world.bank.removed == ["item-1"], "the removal is over already: nobody else has this token"
        return
    left = world.store.tombstones["1"]
    assert left.access_token is not None
    assert left.access_token.ciphertext.endswith("token-1+")
    assert left.due_at <= world.clock.now()


def test_a_lost_token_of_a_connection_that_is_being_removed_is_on_record(connected: World) -> None:
    world = connected
    world.calls.crash_after = len(world.calls.log) + 5
    ask(world)
    with pytest.raises(Crash):
        world.rotation("1")
    world.calls.crash_after = None
    del world.store.connections["1"]
    world.clock.move(LATER)
    world.rotation("1")
    assert actions(world)[-1] is AuditAction.TOKEN_LOST
    assert kept(world).due_at is None


# -- who asks, and what the schedule finds -------------------------------------------------------------------------


def test_a_replacement_is_asked_for_once(connected: World) -> None:
    world = connected
    ask(world)
    assert not world.rotations.ask("1", by=Actor.OPERATOR)
    assert len(world.queue.others) == 1
    with pytest.raises(NotFound):
        world.rotations.ask("2", by=Actor.OPERATOR)


def test_a_lost_task_is_found_by_the_schedule(connected: World) -> None:
    world = connected
    ask(world)
    world.queue.others.clear()
    assert world.rotations.sweep() == 0
    world.clock.move(timedelta(minutes=15))
    assert world.rotations.sweep() == 1
    assert world.rotations.sweep() == 0, "its task is on its way"
    work(world)
    assert works(world)
    world.clock.move(timedelta(days=1))
    assert world.rotations.sweep() == 0


def test_a_queue_that_takes_nothing_leaves_it_to_the_schedule(connected: World) -> None:
    world = connected

    def refuse(name: str) -> None:
        if name == "queue.add":
            raise Unavailable("full", code="queue_unavailable")

    world.calls.before = refuse
    ask(world)
    assert not world.queue.others
    world.calls.before = None
    world.clock.move(timedelta(minutes=15))
    assert world.rotations.sweep() == 1


def test_tokens_are_replaced_when_they_are_older_than_the_operator_wants(connected: World) -> None:
    world = connected
    assert world.rotations.ask_aged(None) == 0
    assert world.rotations.ask_aged(timedelta(days=30)) == 0
    world.clock.move(timedelta(days=31))
    world.connected("2")
    assert world.rotations.ask_aged(timedelta(days=30)) == 1
    assert world.rotations.ask_aged(timedelta(days=30)) == 0, "it is wanted already"
    work(world)
    assert world.store.audit[ALICE][-1].actor is Actor.BACKEND
    assert world.rotations.ask_aged(timedelta(days=30)) == 0


def test_one_connection_s_trouble_does_not_stop_the_daily_round(connected: World) -> None:
    world = connected
    world.connected("2")
    world.clock.move(timedelta(days=31))
    failed: list[str] = []

    def once(name: str) -> None:
        if name == "credentials.save" and not failed:
            failed.append(name)
            raise Unavailable("down", code="store_unavailable")

    world.calls.before = once
    assert world.rotations.ask_aged(timedelta(days=30)) == 1
