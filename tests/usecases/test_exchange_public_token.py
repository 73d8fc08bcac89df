"""From public token to connection, exactly once, and never a lost access token."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.connection import ItemStatus
from shared.domain.errors import AlreadyExists, Conflict, Fault, InvalidArgument, ProviderError, Unavailable
from shared.domain.exchange import Intent
from shared.usecases.exchange_public_token import BROKEN_OFF_AFTER, Exchange, Exchanged, LinkedAccount, LinkedItem
from tests.fakes import Crash, FakeInstitutions, account, problem
from tests.usecases.conftest import ALICE, World


def exchange(
    world: World,
    token: str = "public-1",
    *,
    user: str = ALICE,
    accounts: tuple[LinkedAccount, ...] = (),
    allow_duplicate: bool = False,
) -> Exchanged:
    story = Exchange(
        app_user_id=user,
        bank=world.bank,
        vault=world.vault,
        connections=world.store,
        intents=world.intents,
        institutions=FakeInstitutions(),
        clock=world.clock,
        sleep=lambda seconds: world.clock.move(timedelta(seconds=seconds)),
    )
    return story(LinkedItem(token, institution_id="ins_1", accounts=accounts, allow_duplicate=allow_duplicate))


def transient() -> ProviderError:
    return problem(Fault.TRANSIENT, "INTERNAL_SERVER_ERROR")


def test_one_commit_makes_connection_credentials_progress_and_due_time(world: World) -> None:
    world.bank.new_item()
    done = exchange(world)
    assert done.first
    connection_id = done.answer["connection_id"]
    assert done.answer["account_ids"] == ["checking"]
    assert done.answer["status"] == "good"
    assert world.state(connection_id).status == "pending"
    assert world.state(connection_id).due_at is not None
    assert world.store.tokens[connection_id].ciphertext == f"{ALICE}/{connection_id}/token-1"


def test_the_token_is_stored_before_any_other_call_to_plaid(world: World) -> None:
    world.bank.new_item()
    exchange(world)
    assert world.calls.log == [
        "intents.begin",
        "bank.exchange",
        "intents.update",
        "bank.accounts",
        "store.create",
    ]


def test_the_same_token_again_gets_the_first_answer(world: World) -> None:
    world.bank.new_item()
    first = exchange(world)
    again = exchange(world, accounts=(LinkedAccount("Checking", "0000"),))
    assert again.answer == first.answer
    assert not again.first
    assert len(world.store.connections) == 1


@pytest.mark.parametrize("before", ["fresh", "exchanged"])
def test_another_users_token_is_unknown(world: World, before: str) -> None:
    world.bank.new_item()
    if before == "exchanged":
        exchange(world, user="bob")
    else:
        world.bank.public_tokens.clear()
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


def test_a_second_call_waits_for_the_first_and_then_says_so(world: World) -> None:
    world.bank.new_item()
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


def test_accounts_that_plaid_cannot_name_yet_are_filled_in_later(world: World) -> None:
    world.bank.new_item()
    world.bank.fail("accounts", transient())
    world.bank.fail("item", transient())
    done = exchange(world)
    assert (done.answer["institution_id"], done.answer["institution_name"], done.answer["account_ids"]) == (
        None,
        None,
        [],
    )


def test_links_metadata_stops_a_duplicate_before_the_exchange(world: World) -> None:
    world.bank.new_item("1")
    world.bank.new_item("2")
    first = exchange(world, "public-1")
    with pytest.raises(AlreadyExists) as refused:
        exchange(world, "public-2", accounts=(LinkedAccount("Checking", "0000"),))
    assert refused.value.connection_id == first.answer["connection_id"]
    assert "public-2" in world.bank.public_tokens, "the token was not used"


def test_a_duplicate_found_after_the_exchange_is_removed_at_plaid(world: World) -> None:
    world.bank.new_item("1")
    world.bank.new_item("2")
    first = exchange(world, "public-1")
    for _ in range(2):
        with pytest.raises(AlreadyExists) as refused:
            exchange(world, "public-2")
        assert refused.value.connection_id == first.answer["connection_id"]
    assert world.bank.removed == ["item-2"]
    assert len(world.store.connections) == 1


def test_an_equal_persistent_account_id_is_a_duplicate(world: World) -> None:
    world.bank.new_item("1", accounts=[{**account(), "persistent_account_id": "p"}])
    world.bank.new_item("2", accounts=[{**account("x", name="Other"), "persistent_account_id": "p"}, account("y")])
    exchange(world, "public-1")
    with pytest.raises(AlreadyExists):
        exchange(world, "public-2")


def test_a_second_login_at_the_same_bank_is_welcome(world: World) -> None:
    world.bank.new_item("1")
    world.bank.new_item("2", accounts=[account("b", mask="1111")])
    exchange(world, "public-1")
    exchange(world, "public-2")
    assert len(world.store.connections) == 2


def test_a_duplicate_may_be_allowed(world: World) -> None:
    world.bank.new_item("1")
    world.bank.new_item("2")
    exchange(world, "public-1")
    exchange(world, "public-2", allow_duplicate=True)
    assert len(world.store.connections) == 2


def test_a_connection_that_is_dead_does_not_stand_in_the_way_of_its_new_link(world: World) -> None:
    world.bank.new_item("1")
    world.bank.new_item("2")
    first = exchange(world, "public-1").answer["connection_id"]
    world.store.connections[first] = world.store.connections[first].model_copy(update={"status": ItemStatus.ERROR})
    exchange(world, "public-2")
    assert len(world.store.connections) == 2


def test_when_plaid_is_down_nothing_is_half_made_and_a_retry_works(world: World) -> None:
    world.bank.new_item()
    world.bank.fail("exchange", transient())
    with pytest.raises(ProviderError):
        exchange(world)
    assert world.store.connections == {}
    assert exchange(world).first


@pytest.mark.parametrize("failing", ["crash_before", "crash_after"])
def test_a_crash_at_any_call_leaves_a_connection_or_an_intent_that_tells(world: World, failing: str) -> None:
    for number in range(5):
        world = World()
        world.bank.new_item()
        setattr(world.calls, failing, number)
        with pytest.raises(Crash):
            exchange(world)
        setattr(world.calls, failing, None)
        world.clock.move(BROKEN_OFF_AFTER)
        # The one window: Plaid has answered, and nothing is stored yet.
        lost = (failing, number) in {("crash_after", 1), ("crash_before", 2)}
        if lost:
            with pytest.raises(InvalidArgument):
                exchange(world)
        else:
            exchange(world)
            assert len(world.store.connections) == 1, (failing, number)
            assert len(world.store.tokens) == 1


def test_if_the_token_cannot_be_stored_the_item_is_removed_again(world: World) -> None:
    world.bank.new_item()

    def store_is_down(name: str) -> None:
        if name == "intents.update":
            world.calls.before = None
            raise Unavailable("down", code="store_unavailable")

    world.calls.before = store_is_down
    with pytest.raises(Unavailable):
        exchange(world)
    assert world.bank.removed == ["item-1"]


def test_a_retry_after_the_window_keeps_the_only_trace(world: World) -> None:
    world.bank.new_item()
    world.calls.crash_after = 1
    with pytest.raises(Crash):
        exchange(world)
    world.calls.crash_after = None
    world.clock.move(BROKEN_OFF_AFTER + timedelta(seconds=1))
    for _ in range(2):
        with pytest.raises(InvalidArgument):
            exchange(world)
    (intent,) = (intent for intent, _ in world.store.intents.values())
    assert intent.answer is None


def test_a_store_whose_answer_was_lost_did_store(world: World) -> None:
    world.bank.new_item()
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
    assert world.bank.removed == []


def test_an_item_that_was_removed_again_makes_no_connection(world: World) -> None:
    world.bank.new_item()
    world.calls.crash_before = 3
    with pytest.raises(Crash):
        exchange(world)
    world.calls.crash_before = None
    world.bank.items.clear()
    world.clock.move(BROKEN_OFF_AFTER + timedelta(seconds=1))
    with pytest.raises(InvalidArgument):
        exchange(world)
    assert world.store.connections == {}


def test_a_slow_call_does_not_remove_the_item_of_the_call_that_took_over(world: World) -> None:
    world.bank.new_item()

    def slow(name: str) -> None:
        if name == "bank.accounts":
            world.calls.before = None
            world.clock.move(BROKEN_OFF_AFTER + timedelta(seconds=1))
            assert exchange(world).first

    world.calls.before = slow
    with pytest.raises(Unavailable):
        exchange(world)
    assert world.bank.removed == []
    assert len(world.store.connections) == 1


def test_a_first_intent_whose_answer_was_lost_does_not_lock_its_own_caller_out(world: World) -> None:
    world.bank.new_item()
    really = world.intents.begin
    setattr(world.intents, "begin", lambda intent: (really(intent), really(intent))[1])  # noqa: B010
    assert exchange(world).first


def test_a_duplicate_that_plaid_cannot_remove_yet_is_removed_by_the_next_call(world: World) -> None:
    world.bank.new_item("1")
    world.bank.new_item("2")
    exchange(world, "public-1")
    world.bank.fail("remove", transient())
    for _ in range(3):
        with pytest.raises(AlreadyExists):
            exchange(world, "public-2")
    assert world.bank.removed == ["item-2"]


def test_two_tokens_of_the_same_accounts_at_once_make_one_connection(world: World) -> None:
    world.bank.new_item("1")
    world.bank.new_item("2")
    first: list[Exchanged] = []

    def meanwhile(name: str) -> None:
        if name == "store.create":
            world.calls.before = None
            first.append(exchange(world, "public-2"))

    world.calls.before = meanwhile
    with pytest.raises(AlreadyExists) as refused:
        exchange(world, "public-1")
    assert refused.value.connection_id == first[0].answer["connection_id"]
    assert world.bank.removed == ["item-1"]
    assert len(world.store.connections) == 1


def test_a_commit_whose_answer_was_lost_is_answered_with_what_it_wrote(world: World) -> None:
    world.bank.new_item()
    really = world.store.create

    def create(*args: object, **kwargs: object) -> None:
        really(*args, **kwargs)  # type: ignore[arg-type]
        raise Conflict  # as a client that tries a commit again that had gone through

    setattr(world.store, "create", create)  # noqa: B010
    done = exchange(world)
    assert done.answer["connection_id"] in world.store.connections
