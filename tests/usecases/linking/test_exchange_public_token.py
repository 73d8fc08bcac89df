"""A public token becomes a connection exactly once, and its access token is never lost."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from shared.domain import grace_periods
from shared.domain.connection import ItemStatus
from shared.domain.errors import (
    AlreadyExists,
    BankError,
    Conflict,
    ErrorClass,
    ErrorKind,
    InvalidArgument,
    ProviderError,
    Unavailable,
    VaultError,
)
from shared.domain.exchange import ANSWER_KEPT, Intent
from shared.domain.overlap import LinkedAccount
from shared.usecases.linking.exchange_public_token import Exchanged
from tests.fakes import Crash, account, problem, vault_problem
from tests.usecases.conftest import ALICE, World
from tests.usecases.linking_ground import (
    broken_invariants,
    exchange,
    new_world,
    open_intents_left,
    orphans,
    store_down,
    transient,
    tried,
)


@pytest.fixture
def world() -> World:
    return new_world()


def unanswered() -> ProviderError:
    """Plaid did not answer, so it is unknown whether the call took effect."""
    return ProviderError("no answer", kind=ErrorKind.PLAID_DOWN, error_type="API_ERROR", error_code="NO_ANSWER")


def test_one_commit_makes_connection_credentials_progress_and_due_time(world: World) -> None:
    world.plaid.new_item()
    done = exchange(world)
    assert done.first
    connection_id = done.answer["connection_id"]
    assert done.answer["account_ids"] == ["checking"]
    assert done.answer["status"] == "good"
    assert world.state(connection_id).status == "pending"
    assert world.state(connection_id).due_at is not None
    assert world.store.tokens[connection_id].ciphertext == f"{ALICE}/{connection_id}/token-1"


def test_the_token_is_stored_before_any_other_call_to_plaid(world: World) -> None:
    world.plaid.new_item()
    exchange(world)
    assert world.calls.log == [
        "intents.begin",
        "store.owned_by",
        "vault.sealer",
        "bank.exchange",
        "intents.update",
        "store.of_item",
        "bank.accounts",
        "store.guards",
        "store.owned_by",
        "institutions.find",
        "store.create",
    ]


def test_the_same_token_again_gets_the_first_answer(world: World) -> None:
    world.plaid.new_item()
    first = exchange(world)
    again = exchange(world, accounts=(LinkedAccount("Checking", "0000"),))
    assert again.answer == first.answer
    assert not again.first
    assert len(world.store.connections) == 1


@pytest.mark.parametrize("before", ["fresh", "exchanged"])
def test_another_users_token_is_unknown(world: World, before: str) -> None:
    world.plaid.new_item()
    if before == "exchanged":
        exchange(world, user="bob")
    else:
        world.plaid.public_tokens.clear()
    with pytest.raises(InvalidArgument) as refused:
        exchange(world)
    assert refused.value.code == "public_token_invalid"
    assert ALICE not in {c.app_user_id for c in world.store.connections.values()}


def test_an_unknown_token_leaves_no_trace(world: World) -> None:
    with pytest.raises(InvalidArgument) as refused:
        exchange(world, "public-unknown")
    assert refused.value.details()["plaid"] == {
        "error_type": "TEST",
        "error_code": "INVALID_PUBLIC_TOKEN",
        "request_id": "r1",
    }
    assert world.store.intents == {}


def test_second_call_waits_for_the_first_and_is_refused_if_that_takes_too_long(world: World) -> None:
    world.plaid.new_item()
    seen = []

    def call_again(name: str) -> None:
        if name == "bank.exchange":
            world.calls.before = None
            with pytest.raises(Unavailable) as busy:
                exchange(world)
            seen.append(busy.value.retry_after_seconds)

    world.calls.before = call_again
    first = exchange(world)
    assert seen == [2]
    assert exchange(world).answer == first.answer


def test_accounts_that_plaid_does_not_list_yet_are_added_later(world: World) -> None:
    world.plaid.new_item()
    world.plaid.fail("accounts", transient())
    world.plaid.fail("item", transient())
    done = exchange(world)
    assert (done.answer["institution_id"], done.answer["institution_name"], done.answer["account_ids"]) == (
        None,
        None,
        [],
    )


def test_links_metadata_stops_a_duplicate_before_the_exchange(world: World) -> None:
    world.plaid.new_item("1")
    world.plaid.new_item("2")
    first = exchange(world, "public-1")
    with pytest.raises(AlreadyExists) as refused:
        exchange(world, "public-2", accounts=(LinkedAccount("Checking", "0000"),))
    assert refused.value.connection_id == first.answer["connection_id"]
    assert "public-2" in world.plaid.public_tokens, "the token was not used"


def test_a_duplicate_found_after_the_exchange_is_removed_at_plaid(world: World) -> None:
    world.plaid.new_item("1")
    world.plaid.new_item("2")
    first = exchange(world, "public-1")
    for _ in range(2):
        with pytest.raises(AlreadyExists) as refused:
            exchange(world, "public-2")
        assert refused.value.connection_id == first.answer["connection_id"]
    assert world.plaid.removed == ["item-2"]
    assert len(world.store.connections) == 1


def test_an_equal_persistent_account_id_is_a_duplicate(world: World) -> None:
    world.plaid.new_item("1", accounts=[{**account(), "persistent_account_id": "p"}])
    world.plaid.new_item("2", accounts=[{**account("x", name="Other"), "persistent_account_id": "p"}, account("y")])
    exchange(world, "public-1")
    with pytest.raises(AlreadyExists):
        exchange(world, "public-2")


@pytest.mark.parametrize("looked", ["before the exchange", "after it"])
def test_a_connection_made_while_another_call_is_at_plaid_is_found(world: World, looked: str) -> None:
    world.plaid.new_item("1")
    world.plaid.new_item("2")
    others = []

    def other_call(name: str) -> None:
        if name == ("bank.exchange" if looked == "before the exchange" else "store.create"):
            world.calls.before = None
            others.append(exchange(world, "public-1", accounts=named))

    named = (LinkedAccount("Checking", "0000"),) if looked == "before the exchange" else ()
    world.calls.before = other_call
    with pytest.raises(AlreadyExists) as refused:
        exchange(world, "public-2", accounts=named)
    assert [refused.value.connection_id] == [other.answer["connection_id"] for other in others]
    assert world.plaid.removed == ["item-2"]
    assert len(world.store.connections) == 1


def test_first_connection_reads_connections_and_guards_once(world: World) -> None:
    world.plaid.new_item("1")
    exchange(world, "public-1", accounts=(LinkedAccount("Checking", "0000"),))
    assert world.calls.log.count("store.owned_by") == world.calls.log.count("store.guards") == 1


def test_a_duplicate_removed_while_the_call_was_at_plaid_is_none(world: World) -> None:
    world.plaid.new_item("1")
    first = exchange(world, "public-1").answer["connection_id"]
    world.plaid.new_item("2")

    def remove(name: str) -> None:
        if name == "bank.exchange":
            world.calls.before = None
            del world.store.connections[first]

    world.calls.before = remove
    done = exchange(world, "public-2", accounts=(LinkedAccount("Other", "0000"),))
    assert [*world.store.connections] == [done.answer["connection_id"]]


def test_second_login_at_the_same_bank_is_connected(world: World) -> None:
    world.plaid.new_item("1")
    world.plaid.new_item("2", accounts=[account("b", mask="1111")])
    exchange(world, "public-1")
    exchange(world, "public-2")
    assert len(world.store.connections) == 2


def test_a_duplicate_may_be_allowed(world: World) -> None:
    world.plaid.new_item("1")
    world.plaid.new_item("2")
    exchange(world, "public-1")
    exchange(world, "public-2", allow_duplicate=True)
    assert len(world.store.connections) == 2


def test_dead_connection_does_not_block_its_new_link(world: World) -> None:
    world.plaid.new_item("1")
    world.plaid.new_item("2")
    first = exchange(world, "public-1").answer["connection_id"]
    world.store.connections[first] = world.store.connections[first].model_copy(update={"status": ItemStatus.ERROR})
    exchange(world, "public-2")
    assert len(world.store.connections) == 2


def test_plaid_outage_leaves_no_partial_state_and_a_retry_succeeds(world: World) -> None:
    world.plaid.new_item()
    world.plaid.fail("exchange", transient())
    with pytest.raises(ProviderError):
        exchange(world)
    assert world.store.connections == {}
    assert exchange(world).first


def test_refused_token_leaves_no_intent_but_an_outage_does(world: World) -> None:
    world.plaid.new_item()
    world.plaid.fail("exchange", problem(ErrorClass.CONFIGURATION, "INVALID_API_KEYS"))
    with pytest.raises(ProviderError):
        exchange(world)
    assert world.store.intents == {}
    world.plaid.fail("exchange", unanswered())
    with pytest.raises(ProviderError):
        exchange(world)
    ((intent, _),) = world.store.intents.values()
    assert intent.due_at is not None, "whether the token was used is unknown"
    assert exchange(world).first


def test_without_a_key_the_public_token_is_not_used(world: World) -> None:
    world.plaid.new_item()

    def no_key(name: str) -> None:
        if name == "vault.sealer":
            raise vault_problem(ErrorClass.CONFIGURATION, "NO_VAULT_KEY")

    world.calls.before = no_key
    with pytest.raises(VaultError):
        exchange(world)
    assert "bank.exchange" not in world.calls.log
    assert world.store.intents == {}


@pytest.mark.parametrize("refusals", range(12))
@pytest.mark.parametrize("outages", range(10))
def test_token_is_stored_or_its_item_removed_or_the_loss_reported(
    world: World, caplog: pytest.LogCaptureFixture, outages: int, refusals: int
) -> None:
    """The store fails a number of times, and Plaid's removal too, before each of them works again."""
    world.plaid.new_item()
    left = {"intents": outages, "bank": refusals}

    def down(name: str) -> None:
        if name in ("intents.update", "intents.find") and left["intents"]:
            left["intents"] -= 1
            raise store_down()
        if name == "bank.remove" and left["bank"]:
            left["bank"] -= 1
            raise transient()

    world.calls.before = down
    error = tried(world)
    world.calls.before = None
    stored, removed = len(world.store.connections) == 1, world.plaid.removed == ["item-1"]
    orphaned = "exchange.orphan" in caplog.messages
    assert stored + removed + orphaned == 1
    assert (error is None) == stored
    assert broken_invariants(world) == []
    if orphaned:
        assert outages >= 8
        assert refusals >= 4
        assert "token-1" not in caplog.text
        (record,) = (r for r in caplog.records if r.getMessage() == "exchange.orphan")
        assert record.levelname == "ERROR"
    if not outages:
        assert stored
    if outages > 2 and not refusals:
        assert removed


def test_removed_item_leaves_no_open_intent(world: World) -> None:
    world.plaid.new_item()

    def down(name: str) -> None:
        if name in ("intents.update", "intents.find"):
            raise store_down()

    world.calls.before = down
    with pytest.raises(Unavailable):
        exchange(world)
    world.calls.before = None
    assert world.plaid.removed == ["item-1"]
    assert world.store.intents == {}
    with pytest.raises(InvalidArgument):
        exchange(world)


def test_a_bug_in_the_store_removes_the_item_too(world: World) -> None:
    world.plaid.new_item()

    def broken(name: str) -> None:
        if name == "intents.update":
            raise ZeroDivisionError

    world.calls.before = broken
    with pytest.raises(ZeroDivisionError):
        exchange(world)
    assert world.plaid.removed == ["item-1"]


def test_late_token_is_stored_after_another_call_took_over(world: World) -> None:
    world.plaid.new_item()
    overtaken: list[BankError | None] = []

    def slow(name: str) -> None:
        if name == "intents.update" and "bank.exchange" in world.calls.log:
            world.calls.before = None
            world.clock.move(grace_periods.EXCHANGE + timedelta(seconds=1))
            overtaken.append(tried(world))

    world.calls.before = slow
    assert exchange(world).first
    assert [type(error) for error in overtaken] == [InvalidArgument]
    assert world.plaid.removed == []
    assert len(world.store.connections) == 1
    assert open_intents_left(world) == []


def test_token_that_another_call_resumed_is_left_to_that_call(world: World) -> None:
    """The store's answer is lost, and before this call checks again, another call has created the connection."""
    world.plaid.new_item()
    really = world.intents.store_token
    others: list[Exchanged] = []

    def store_token(intent: Intent, **kwargs: Any) -> object:
        version = really(intent, **kwargs)
        if not others:
            setattr(world.intents, "store_token", really)  # noqa: B010
            world.clock.move(grace_periods.EXCHANGE + timedelta(seconds=1))
            others.append(exchange(world))
            raise store_down()
        return version

    setattr(world.intents, "store_token", store_token)  # noqa: B010 (a method, for one test)
    with pytest.raises(Unavailable) as busy:
        exchange(world)
    assert busy.value.code == "exchange_in_progress"
    assert world.plaid.removed == []
    assert exchange(world).answer == others[0].answer
    assert broken_invariants(world) == open_intents_left(world) == []


@pytest.mark.parametrize("meanwhile", ["settled as lost", "gone"])
def test_token_of_a_closed_intent_is_dropped_and_its_item_removed(world: World, meanwhile: str) -> None:
    world.plaid.new_item()

    def closed(name: str) -> None:
        if name == "intents.update":
            world.calls.before = None
            ((intent, _),) = world.store.intents.values()
            if meanwhile == "gone":
                world.store.intents.clear()
            else:
                world.store.intents[intent.intent_id] = (intent.lost(), 999)

    world.calls.before = closed
    with pytest.raises(Unavailable):
        exchange(world)
    assert world.plaid.removed == ["item-1"]
    assert world.store.connections == {}
    assert open_intents_left(world) == []


def test_call_backs_off_between_attempts(world: World) -> None:
    world.plaid.new_item()
    waited: list[float] = []

    def down(name: str) -> None:
        if name in ("intents.update", "intents.find", "bank.remove"):
            raise store_down()

    world.calls.before = down
    with pytest.raises(Unavailable):
        exchange(world, sleep=waited.append)
    assert waited == sorted(waited)
    assert len(waited) >= 3
    assert 2 < sum(waited) < 20


@pytest.mark.parametrize("at", ["bank.exchange", "bank.accounts"])
def test_only_one_of_two_concurrent_retries_continues(world: World, at: str) -> None:
    world.plaid.new_item()
    world.calls.crash_after = 0 if at == "bank.exchange" else 4
    with pytest.raises(Crash):
        exchange(world)
    world.calls.crash_after = None
    world.clock.move(grace_periods.EXCHANGE + timedelta(seconds=1))
    other: list[BankError | None] = []

    def meanwhile(name: str) -> None:
        if name == at:
            world.calls.before = None
            other.append(tried(world))

    world.calls.before = meanwhile
    assert exchange(world).first
    (busy,) = other
    assert isinstance(busy, Unavailable)
    assert busy.code == "exchange_in_progress"
    assert world.calls.log.count("bank.exchange") == 1


def test_refused_retry_keeps_the_intent_of_the_earlier_attempt(world: World) -> None:
    world.plaid.new_item()
    world.calls.crash_after = 3
    with pytest.raises(Crash):
        exchange(world)
    world.calls.crash_after = None
    world.clock.move(grace_periods.EXCHANGE + timedelta(seconds=1))
    world.plaid.fail("exchange", problem(ErrorClass.CONFIGURATION, "INVALID_API_KEYS"))
    with pytest.raises(ProviderError):
        exchange(world)
    assert len(world.store.intents) == 1


def test_second_call_takes_over_when_the_first_dies(world: World) -> None:
    world.plaid.new_item()
    world.plaid.fail("exchange", problem(ErrorClass.CONFIGURATION, "INVALID_API_KEYS"))
    second: list[Exchanged] = []

    def meanwhile(name: str) -> None:
        if name == "bank.exchange":
            world.calls.before = None
            waiting = threading.Thread(target=lambda: second.append(exchange(world, sleep=lambda _: time.sleep(0.05))))
            waiting.start()
            waiters.append(waiting)
            time.sleep(0.05)

    waiters: list[threading.Thread] = []
    world.calls.before = meanwhile
    with pytest.raises(ProviderError):
        exchange(world)
    waiters[0].join()
    assert second[0].first
    assert len(world.store.connections) == 1


def test_unreachable_key_is_not_waited_for(world: World) -> None:
    world.plaid.new_item()
    world.calls.crash_after = 4
    with pytest.raises(Crash):
        exchange(world)
    world.calls.crash_after = None
    world.clock.move(grace_periods.EXCHANGE + timedelta(seconds=1))

    def down(name: str) -> None:
        if name == "vault.open":
            world.calls.before = None
            raise vault_problem(ErrorClass.TRANSIENT, "KMS_UNAVAILABLE")

    world.calls.before = down
    with pytest.raises(VaultError):
        exchange(world)
    assert exchange(world).first


def test_item_that_may_be_removed_is_checked_before_it_is_connected(world: World) -> None:
    world.plaid.new_item()
    world.calls.crash_after = 4
    with pytest.raises(Crash):
        exchange(world)
    world.calls.crash_after = None
    world.clock.move(grace_periods.EXCHANGE + timedelta(seconds=1))
    for method in ("accounts", "item"):
        world.plaid.fail(method, transient())
    with pytest.raises(ProviderError):
        exchange(world)
    assert world.store.connections == {}
    assert exchange(world).first


def test_retry_after_the_window_keeps_the_intent(world: World) -> None:
    world.plaid.new_item()
    world.calls.crash_after = 3
    with pytest.raises(Crash):
        exchange(world)
    world.calls.crash_after = None
    world.clock.move(grace_periods.EXCHANGE + timedelta(seconds=1))
    for _ in range(2):
        with pytest.raises(InvalidArgument):
            exchange(world)
    (intent,) = (intent for intent, _ in world.store.intents.values())
    assert intent.answer is None
    assert intent.due_at is not None
    assert intent.due_at <= world.clock.at, "there is nothing to wait for"


def test_retry_ignores_metadata_when_the_token_may_already_be_used(world: World) -> None:
    world.plaid.new_item("0")
    exchange(world, "public-0")
    world.plaid.new_item("1")
    world.calls.crash_after = len(world.calls.log)
    with pytest.raises(Crash):
        exchange(world, "public-1")
    world.calls.crash_after = None
    world.clock.move(grace_periods.EXCHANGE + timedelta(seconds=1))
    with pytest.raises(AlreadyExists):
        exchange(world, "public-1", accounts=(LinkedAccount("Checking", "0000"),))
    assert world.plaid.removed == ["item-1"]
    assert open_intents_left(world) == []


@pytest.mark.parametrize("after", [ANSWER_KEPT - timedelta(minutes=1), ANSWER_KEPT + timedelta(minutes=1)])
def test_answer_is_repeated_for_a_day(world: World, after: timedelta) -> None:
    world.plaid.new_item()
    first = exchange(world)
    world.clock.move(after)
    asked = len(world.calls.log)
    if after < ANSWER_KEPT:
        assert exchange(world).answer == first.answer
    else:
        with pytest.raises(InvalidArgument):
            exchange(world)
        assert world.calls.log[asked:] == ["intents.begin"]
    assert len(world.store.connections) == 1
    assert open_intents_left(world) == []


def test_lost_answer_of_the_store_counts_as_stored(world: World) -> None:
    world.plaid.new_item()
    really = world.intents.update
    lost: list[bool] = []

    def update(intent: Intent, *, expected: object) -> object:
        version = really(intent, expected=expected)
        if not lost:
            lost.append(True)
            raise Unavailable("no answer", code="store_unavailable")
        return version

    setattr(world.intents, "update", update)  # noqa: B010 (a method, for one test)
    assert exchange(world).first
    assert world.plaid.removed == []


def test_item_that_was_removed_makes_no_connection(world: World) -> None:
    world.plaid.new_item()
    world.calls.crash_before = 5
    with pytest.raises(Crash):
        exchange(world)
    world.calls.crash_before = None
    world.plaid.items.clear()
    world.clock.move(grace_periods.EXCHANGE + timedelta(seconds=1))
    with pytest.raises(InvalidArgument):
        exchange(world)
    assert world.store.connections == {}


def test_a_slow_call_does_not_remove_the_item_of_the_call_that_took_over(world: World) -> None:
    world.plaid.new_item()

    def slow(name: str) -> None:
        if name == "bank.accounts":
            world.calls.before = None
            world.clock.move(grace_periods.EXCHANGE + timedelta(seconds=1))
            assert exchange(world).first

    world.calls.before = slow
    with pytest.raises(Unavailable):
        exchange(world)
    assert world.plaid.removed == []
    assert len(world.store.connections) == 1


def test_lost_answer_to_the_first_intent_does_not_block_its_caller(world: World) -> None:
    world.plaid.new_item()
    really = world.intents.begin
    setattr(world.intents, "begin", lambda intent: (really(intent), really(intent))[1])  # noqa: B010
    assert exchange(world).first


def test_a_duplicate_that_plaid_cannot_remove_yet_is_removed_by_the_next_call(world: World) -> None:
    world.plaid.new_item("1")
    world.plaid.new_item("2")
    exchange(world, "public-1")
    world.plaid.fail("remove", transient())
    for _ in range(3):
        with pytest.raises(AlreadyExists):
            exchange(world, "public-2")
    assert world.plaid.removed == ["item-2"]


def test_two_tokens_of_the_same_accounts_at_once_make_one_connection(world: World) -> None:
    world.plaid.new_item("1")
    world.plaid.new_item("2")
    first: list[Exchanged] = []

    def meanwhile(name: str) -> None:
        if name == "store.create":
            world.calls.before = None
            first.append(exchange(world, "public-2"))

    world.calls.before = meanwhile
    with pytest.raises(AlreadyExists) as refused:
        exchange(world, "public-1")
    assert refused.value.connection_id == first[0].answer["connection_id"]
    assert world.plaid.removed == ["item-1"]
    assert len(world.store.connections) == 1


def test_a_commit_whose_answer_was_lost_is_answered_with_what_it_wrote(world: World) -> None:
    world.plaid.new_item()
    really = world.store.create

    def create(*args: object, **kwargs: object) -> None:
        really(*args, **kwargs)  # type: ignore[arg-type]
        raise Conflict  # as a client that retries a commit that had succeeded

    setattr(world.store, "create", create)  # noqa: B010
    done = exchange(world)
    assert done.answer["connection_id"] in world.store.connections


@pytest.mark.parametrize("patience", ["long", "short"])
def test_ten_calls_with_one_token_at_once_make_one_item_and_one_connection(world: World, patience: str) -> None:
    world.plaid.new_item()
    world.calls.before = lambda name: time.sleep(0.01 if name.startswith("bank.") else 0)
    pause = 0.05 if patience == "long" else 0.0001
    started = threading.Barrier(10)
    busy_with: set[tuple[str, int | None]] = set()

    def call(_: int) -> dict[str, Any]:
        started.wait()
        for _ in range(500):
            try:
                return exchange(world, sleep=lambda _: time.sleep(pause)).answer
            except Unavailable as busy:
                busy_with.add((busy.code, busy.retry_after_seconds))
        raise AssertionError("it is busy for ever")

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(call, range(10)))
    assert answers == [answers[0]] * 10
    assert busy_with <= {("exchange_in_progress", 2)}
    assert bool(busy_with) == (patience == "short")
    assert world.calls.log.count("bank.exchange") == 1
    assert len(world.store.connections) == 1
    assert orphans(world) == set()
    assert open_intents_left(world) == []


def test_ten_concurrent_logins_are_all_kept_except_duplicates(world: World) -> None:
    for n in range(10):
        world.plaid.new_item(str(n), accounts=[account(f"a{n}", mask=f"{n // 2:04}")])
    started = threading.Barrier(10)

    def call(n: int) -> tuple[str, bool]:
        started.wait()
        for _ in range(500):
            try:
                answer = exchange(world, f"public-{n}", sleep=lambda _: time.sleep(0.001)).answer
                return str(answer["connection_id"]), True
            except AlreadyExists as refused:
                return str(refused.connection_id), False
            except Unavailable:
                continue
        raise AssertionError("it is busy for ever")

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(call, range(10)))
    for one, other in zip(answers[::2], answers[1::2], strict=True):
        assert one[0] == other[0]
        assert {one[1], other[1]} == {True, False}
    assert {connection_id for connection_id, _ in answers} == set(world.store.connections)
    assert len(world.store.connections) == 5
    assert orphans(world) == set()
    assert broken_invariants(world) == open_intents_left(world) == []
