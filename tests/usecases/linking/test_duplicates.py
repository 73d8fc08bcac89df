"""An account that is already connected is refused, or connected and counted once."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.account import Account, DuplicateOf
from shared.domain.connection import ItemStatus
from shared.domain.errors import AlreadyExists, ErrorClass, ProviderError, Unavailable
from shared.domain.hosted_link import LinkSession
from shared.domain.overlap import LinkedAccount
from shared.domain.removal import RemovalReason
from shared.domain.status import StatusEvent
from shared.usecases.mark_duplicates import OwnedAccounts, settle_after_commit, settle_duplicates
from tests.fakes import FakeInstitutions, account, problem, row
from tests.usecases.conftest import ALICE, World
from tests.usecases.linking_ground import exchange, transient

DAILY, SAVE, CARD = ("Daily", "1111"), ("Save", "2222"), ("Card", "3333")


def link(world: World, name: str, *accounts: tuple[str, str | None], allow: bool = False, **more: Any) -> str:
    """Link a bank with these accounts; returns the connection's id."""
    shared = [accounts_of_item(name, *one) for one in accounts]
    world.plaid.new_item(name, accounts=shared, **more)
    return str(exchange(world, f"public-{name}", allow_duplicate=allow).answer["connection_id"])


def accounts_of_item(item: str, name: str, mask: str | None) -> Account:
    return {**account(f"{item}-{name}", name=name), "mask": mask}


def duplicates(world: World) -> dict[str, str | None]:
    """For every account, the id of the account that is counted in its place."""
    return {
        account_id: one["duplicate_of"] and one["duplicate_of"]["account_id"]
        for rows in (world.store.account_rows.get(i, {}) for i in world.store.connections)
        for account_id, one in rows.items()
    }


def refused(world: World, name: str, *accounts: tuple[str, str | None], hints: tuple[LinkedAccount, ...] = ()) -> Any:
    world.plaid.new_item(name, accounts=[accounts_of_item(name, *one) for one in accounts])
    with pytest.raises(AlreadyExists) as error:
        exchange(world, f"public-{name}", accounts=hints)
    return error.value.details()


def break_for_good(world: World, connection_id: str) -> ProviderError:
    """Plaid no longer knows the item, and the next sync detects it."""
    error = problem(ErrorClass.TERMINAL, "ITEM_NOT_FOUND")
    world.plaid.fail("changes", error)
    sync(world, connection_id)
    assert world.store.connections[connection_id].status is ItemStatus.ERROR
    return error


def sync(world: World, connection_id: str) -> None:
    loaded = world.store.states[connection_id]
    world.store.save(loaded.state.request(now=world.clock.now()), expected=loaded.version)
    world.sync(connection_id)


# -- Refused ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("again", "same"),
    [([DAILY, SAVE, CARD], [DAILY, SAVE]), ([DAILY], [DAILY]), ([CARD, SAVE], [SAVE]), ([SAVE, DAILY], [DAILY, SAVE])],
)
@pytest.mark.parametrize("found", ["by the hints", "after the exchange"])
def test_refusal_names_every_account_that_is_already_connected(
    world: World, again: list[Any], same: list[Any], found: str
) -> None:
    first = link(world, "1", DAILY, SAVE)
    by_hints = found == "by the hints"
    hints = tuple(LinkedAccount(name, mask, account_id=f"2-{name}") for name, mask in again) if by_hints else ()
    details = refused(world, "2", *again, hints=hints)
    assert details["code"] == "duplicate_connection"
    assert details["connection_id"] == first
    assert sorted(details["accounts"], key=lambda one: one["account_id"]) == [
        {"account_id": f"1-{name}", "name": name, "mask": mask} for name, mask in same
    ]
    assert world.plaid.removed == ([] if by_hints else ["item-2"])
    assert len(world.store.connections) == 1


def test_the_same_refusal_is_answered_again_with_the_same_details(world: World) -> None:
    link(world, "1", DAILY, SAVE)
    first = refused(world, "2", DAILY, CARD)
    asked = len(world.calls.log)
    with pytest.raises(AlreadyExists) as again:
        exchange(world, "public-2")
    assert again.value.details() == first
    assert first["accounts"] == [{"account_id": "1-Daily", "name": "Daily", "mask": "1111"}]
    assert not [call for call in world.calls.log[asked:] if call.startswith("bank.")]


def test_after_a_refusal_by_the_hints_the_same_token_can_be_connected_anyway(world: World) -> None:
    link(world, "1", DAILY)
    refused(world, "2", DAILY, hints=(LinkedAccount(*DAILY, account_id="2-Daily"),))
    exchange(world, "public-2", accounts=(LinkedAccount(*DAILY, account_id="2-Daily"),), allow_duplicate=True)
    assert duplicates(world) == {"1-Daily": None, "2-Daily": "1-Daily"}


def test_metadata_with_ids_of_a_connected_item_is_no_duplicate(world: World) -> None:
    """The item returned by the exchange decides whether it is connected, not a guess from metadata."""
    link(world, "1", DAILY)
    world.plaid.public_tokens["public-again"] = "token-1"
    asked = len(world.calls.log)
    with suppress(AlreadyExists):
        exchange(world, "public-again", accounts=(LinkedAccount(*DAILY, account_id="1-Daily"),))
    assert "bank.exchange" in world.calls.log[asked:]


def session(world: World, link_token: str, *, updates: bool) -> str:
    """Alice gets a link token."""
    until = world.clock.now() + timedelta(hours=4)
    world.links.remember(link_token, LinkSession(ALICE, until, updates=updates), now=world.clock.now())
    return link_token


def test_update_mode_may_give_an_item_only_accounts_that_another_connection_has(world: World) -> None:
    link(world, "1", DAILY)
    second = link(world, "2", SAVE)
    world.plaid.by_id("item-2").accounts = [accounts_of_item("2", *DAILY)]
    token, hints = world.plaid.update_mode("2"), (LinkedAccount(*DAILY, account_id="2-Daily"),)
    link_token = session(world, "link-update", updates=True)
    assert exchange(world, token, accounts=hints, link_token=link_token).answer["connection_id"] == second


@pytest.mark.parametrize("sent", [True, False])
def test_a_duplicate_can_replace_a_connection_with_its_token_although_update_mode_is_open_too(
    world: World, sent: bool
) -> None:
    first = link(world, "1", DAILY)
    session(world, "link-update", updates=True)
    link_token = session(world, "link-new", updates=False) if sent else None
    world.plaid.new_item("2", accounts=[accounts_of_item("2", *DAILY)])
    hints = (LinkedAccount(*DAILY, account_id="2-Daily"),)
    with pytest.raises(AlreadyExists):
        exchange(world, "public-2", accounts=hints, link_token=link_token)
    assert world.plaid.removed == []
    exchange(world, "public-2", accounts=hints, link_token=link_token, replaces=first)


@pytest.mark.parametrize(
    "hints",
    [
        (LinkedAccount(None, "1111"),),
        (LinkedAccount("Daily", None),),
        (LinkedAccount(None, None), LinkedAccount("Other", "1111")),
    ],
)
def test_with_unusable_hints_the_duplicate_is_found_after_the_exchange(
    world: World, hints: tuple[LinkedAccount, ...]
) -> None:
    first = link(world, "1", DAILY)
    assert refused(world, "2", DAILY, hints=hints)["connection_id"] == first
    assert world.plaid.removed == ["item-2"]


def test_another_users_accounts_are_no_duplicates(world: World) -> None:
    world.plaid.new_item("bob", accounts=[accounts_of_item("bob", *DAILY)])
    exchange(world, "public-bob", user="bob")
    link(world, "1", DAILY)
    assert duplicates(world) == {"bob-Daily": None, "1-Daily": None}


def test_the_same_names_at_another_bank_are_other_accounts(world: World) -> None:
    link(world, "1", DAILY)
    link(world, "2", DAILY, institution_id="ins_2")
    assert set(duplicates(world).values()) == {None}


def test_linking_a_connection_in_error_again_is_no_duplicate_and_the_new_one_is_counted(world: World) -> None:
    first = link(world, "1", DAILY, SAVE)
    sync(world, first)
    break_for_good(world, first)
    link(world, "2", DAILY, SAVE, CARD)
    assert duplicates(world) == {
        "1-Daily": "2-Daily",
        "1-Save": "2-Save",
        "2-Daily": None,
        "2-Save": None,
        "2-Card": None,
    }


# -- Connected as duplicates ------------------------------------------------------------------------------------------
def test_an_allowed_duplicate_is_marked_in_the_commit_that_writes_its_accounts(world: World) -> None:
    first = link(world, "1", DAILY, SAVE)
    marked: list[dict[str, str | None]] = []

    create = world.store.create

    def look(*args: Any, **kwargs: Any) -> None:
        create(*args, **kwargs)
        marked.append(duplicates(world))

    setattr(world.store, "create", look)  # noqa: B010 (a method, for one test)
    second = link(world, "2", SAVE, CARD, allow=True)
    assert marked == [{"1-Daily": None, "1-Save": None, "2-Save": "1-Save", "2-Card": None}]
    assert world.store.account_rows[second]["2-Save"]["duplicate_of"] == DuplicateOf(
        connection_id=first, account_id="1-Save"
    )


def test_accounts_that_come_with_the_first_sync_are_marked_by_it(world: World) -> None:
    link(world, "1", DAILY)
    world.plaid.fail("accounts", transient())
    second = link(world, "2", DAILY, SAVE, allow=True)
    assert duplicates(world) == {"1-Daily": None}
    sync(world, second)
    assert duplicates(world) == {"1-Daily": None, "2-Daily": "1-Daily", "2-Save": None}


def test_accounts_whose_bank_is_known_only_after_the_first_sync_are_marked_then(world: World) -> None:
    link(world, "0", DAILY)
    for method in ("accounts", "item"):
        world.plaid.fail(method, transient())
    item = world.plaid.new_item("2", accounts=[accounts_of_item("2", *DAILY)])
    second = str(exchange(world, "public-2", allow_duplicate=True).answer["connection_id"])
    sync(world, second)
    assert duplicates(world)["2-Daily"] is None
    assert item.institution_id == "ins_1"
    world.welcome(FakeInstitutions(), name=second)
    assert duplicates(world)["2-Daily"] == "0-Daily"


def test_accounts_of_an_item_that_moves_to_the_other_connections_bank_are_marked(world: World) -> None:
    link(world, "1", DAILY)
    world.plaid.new_item("2", accounts=[accounts_of_item("2", *DAILY)]).institution_id = "ins_2"
    second = str(exchange(world, "public-2").answer["connection_id"])
    assert duplicates(world)["2-Daily"] is None
    world.plaid.by_id("item-2").institution_id = "ins_1"
    world.check.daily_check(second)
    assert duplicates(world)["2-Daily"] == "1-Daily"


def test_marks_survive_every_later_sync(world: World) -> None:
    link(world, "1", DAILY)
    second = link(world, "2", DAILY, SAVE, allow=True)
    for n in range(2):
        world.plaid.by_id("item-2").add(row(f"t{n}", account_id="2-Daily"))
        sync(world, second)
        assert duplicates(world) == {"1-Daily": None, "2-Daily": "1-Daily", "2-Save": None}


def test_a_renamed_account_stays_a_duplicate(world: World) -> None:
    link(world, "1", DAILY)
    second = link(world, "2", DAILY, allow=True)
    item = world.plaid.by_id("item-2")
    item.accounts = [{**item.accounts[0], "name": "Everyday"}]
    sync(world, second)
    assert world.store.account_rows[second]["2-Daily"]["name"] == "Everyday"
    assert duplicates(world) == {"1-Daily": None, "2-Daily": "1-Daily"}


def test_accounts_that_are_added_later_are_marked_whichever_connection_gets_them(world: World) -> None:
    first, second = link(world, "1", DAILY), link(world, "2", CARD)
    world.plaid.by_id("item-2").accounts.append(accounts_of_item("2", *DAILY))
    sync(world, second)
    assert duplicates(world) == {"1-Daily": None, "2-Card": None, "2-Daily": "1-Daily"}
    world.plaid.by_id("item-1").accounts.append(accounts_of_item("1", *CARD))
    sync(world, first)
    assert duplicates(world) == {"1-Daily": None, "1-Card": None, "2-Card": "1-Card", "2-Daily": "1-Daily"}


# -- After the counted copy is removed --------------------------------------------------------------------------------
def test_removing_the_counted_connection_makes_its_duplicate_count_in_the_same_commit(world: World) -> None:
    first = link(world, "1", DAILY)
    link(world, "2", DAILY, SAVE, allow=True)
    world.remove(first)
    assert duplicates(world) == {"2-Daily": None, "2-Save": None}
    world.clean_up()
    assert duplicates(world) == {"2-Daily": None, "2-Save": None}


def test_removing_the_duplicate_changes_nothing(world: World) -> None:
    link(world, "1", DAILY)
    second = link(world, "2", DAILY, allow=True)
    world.remove(second)
    assert duplicates(world) == {"1-Daily": None}


def test_one_copy_of_a_chain_is_counted_after_any_removal(world: World) -> None:
    first = link(world, "1", DAILY)
    second, third = link(world, "2", DAILY, allow=True), link(world, "3", DAILY, allow=True)
    assert duplicates(world) == {"1-Daily": None, "2-Daily": "1-Daily", "3-Daily": "1-Daily"}
    world.remove(first)
    assert duplicates(world) == {"2-Daily": None, "3-Daily": "2-Daily"}
    break_for_good(world, second)
    assert duplicates(world) == {"2-Daily": "3-Daily", "3-Daily": None}
    world.remove(third)
    assert duplicates(world) == {"2-Daily": None}


def test_permanently_broken_connection_is_not_counted_until_it_works_again(world: World) -> None:
    first = link(world, "1", DAILY)
    sync(world, first)
    link(world, "2", DAILY, allow=True)
    break_for_good(world, first)
    assert duplicates(world) == {"1-Daily": "2-Daily", "2-Daily": None}
    sync(world, first)
    assert world.store.connections[first].status is ItemStatus.GOOD
    assert duplicates(world) == {"1-Daily": None, "2-Daily": "1-Daily"}


@pytest.mark.parametrize("event", [StatusEvent.UNUSABLE, StatusEvent.REVOKED])
def test_every_event_that_ends_in_error_makes_the_duplicate_count(world: World, event: StatusEvent) -> None:
    first = link(world, "1", DAILY)
    link(world, "2", DAILY, allow=True)
    loaded = world.store.states[first]
    change = world.status_events.apply(first, event)
    assert change is not None
    world.store.save(loaded.state.touched(), expected=loaded.version, writes=change.writes())
    assert duplicates(world)["2-Daily"] is None


def test_event_without_an_error_reads_no_accounts(world: World) -> None:
    first = link(world, "1", DAILY)
    link(world, "2", DAILY, allow=True)
    world.calls.log.clear()
    world.status_events.apply(first, StatusEvent.LOGIN_FAILED)
    assert world.calls.log == ["store.find", "store.credentials"][:1]


def test_a_revoked_account_makes_its_duplicate_count(world: World) -> None:
    first = link(world, "1", DAILY, SAVE)
    link(world, "2", DAILY, SAVE, allow=True)
    world.remove_account(first, "1-Daily")
    assert duplicates(world) == {"1-Save": None, "2-Daily": None, "2-Save": "1-Save"}


def test_account_no_longer_shared_makes_its_duplicate_count(world: World) -> None:
    first = link(world, "1", DAILY, SAVE)
    link(world, "2", DAILY, SAVE, allow=True)
    item = world.plaid.by_id("item-1")
    item.accounts = item.accounts[1:]
    sync(world, first)
    assert duplicates(world) == {"1-Save": None, "2-Daily": None, "2-Save": "1-Save"}


def test_a_connection_that_outlives_the_erasure_of_the_others_is_counted(world: World) -> None:
    link(world, "1", DAILY)
    moment = world.clock.now()
    world.clock.move(timedelta(seconds=1))
    second = link(world, "2", DAILY, allow=True)
    world.eraser.begin(ALICE, reason=RemovalReason.ERASURE, before=moment)
    world.clean_up()
    assert [*world.store.connections] == [second]
    assert duplicates(world) == {"2-Daily": None}


def test_an_erasure_that_cannot_mark_what_is_left_is_continued(world: World) -> None:
    link(world, "1", DAILY)
    moment = world.clock.now()
    world.clock.move(timedelta(seconds=1))
    link(world, "2", DAILY, allow=True)
    world.eraser.begin(ALICE, reason=RemovalReason.ERASURE, before=moment)
    left = [3]

    def down(name: str) -> None:
        if name == "store.mark" and left[0]:
            left[0] -= 1
            raise Unavailable("down", code="store_unavailable")

    world.calls.before = down
    world.clean_up()
    assert left == [0]
    assert duplicates(world) == {"2-Daily": None}


# -- Concurrent changes -----------------------------------------------------------------------------------------------
def test_duplicate_marked_during_the_removal_of_its_original_is_counted(world: World) -> None:
    first = link(world, "1", DAILY)
    second = link(world, "2", CARD)
    world.plaid.by_id("item-2").accounts.append(accounts_of_item("2", *DAILY))

    def remove(name: str) -> None:
        if name == "store.save" and world.store.states[second].state.status == "in_progress":
            world.calls.before = None
            world.remove(first)

    loaded = world.store.states[second]
    world.store.save(loaded.state.request(now=world.clock.now()), expected=loaded.version)
    world.calls.before = remove
    world.sync(second)
    assert duplicates(world) == {"2-Card": None, "2-Daily": None}


def test_account_added_to_two_connections_at_once_is_counted_once(world: World) -> None:
    first, second = link(world, "1", CARD), link(world, "2", SAVE)
    for name in ("1", "2"):
        world.plaid.by_id(f"item-{name}").accounts.append(accounts_of_item(name, *DAILY))

    def meanwhile(name: str) -> None:
        if name == "store.save" and world.calls.log[-2] == "store.accounts_owned_by":
            world.calls.before = None
            sync(world, first)

    world.calls.before = meanwhile
    sync(world, second)
    assert duplicates(world) == {"1-Card": None, "1-Daily": None, "2-Save": None, "2-Daily": "1-Daily"}


def test_removal_that_conflicts_with_a_sync_of_the_duplicate_reads_again(world: World) -> None:
    first = link(world, "1", DAILY)
    second = link(world, "2", DAILY, allow=True)

    def change(name: str) -> None:
        if name == "removals.begin":
            world.calls.before = None
            rows = world.store.account_rows[second]
            rows["2-Daily"] = {**rows["2-Daily"], "official_name": "changed"}

    world.calls.before = change
    world.remove(first)
    assert world.store.account_rows[second]["2-Daily"]["official_name"] == "changed"
    assert duplicates(world) == {"2-Daily": None}


def test_settling_duplicates_ends_during_constant_changes_or_an_outage(world: World) -> None:
    link(world, "1", DAILY)
    second = link(world, "2", DAILY, allow=True)
    rows = world.store.account_rows[second]
    rows["2-Daily"] = {**rows["2-Daily"], "duplicate_of": None}

    def change(name: str) -> None:
        if name == "store.mark":
            rows["2-Daily"] = {**rows["2-Daily"], "official_name": str(world.clock.now())}

    world.calls.before = change
    assert not settle_duplicates(ALICE, connections=world.store)
    settle_after_commit(ALICE, connections=world.store)

    def down(name: str) -> None:
        if name == "store.mark":
            raise transient()

    world.calls.before = down
    settle_after_commit(ALICE, connections=world.store)
    world.calls.before = None
    settle_duplicates(ALICE, connections=world.store)
    assert duplicates(world) == {"1-Daily": None, "2-Daily": "1-Daily"}


@pytest.mark.parametrize("seed", range(25))
def test_after_every_step_of_any_history_each_account_is_counted_once(world: World, seed: int) -> None:
    chance = random.Random(seed)
    pool = [DAILY, SAVE, CARD, ("Rent", "4444")]
    for step in range(20):
        connections = [*world.store.connections.values()]
        what = chance.choice(["link", "link", "sync", "remove", "break", "accounts", "revoke"])
        if what == "link" or not connections:
            link(world, f"{step}", *chance.sample(pool, chance.randint(1, 3)), allow=True)
            continue
        one = chance.choice(connections)
        item = world.plaid.by_id(one.item_id)
        held = world.store.account_rows[one.connection_id]
        if what == "remove":
            world.remove(one.connection_id)
            if chance.random() < 0.5:
                world.clean_up()
        elif what == "break":
            break_for_good(world, one.connection_id)
        elif what == "revoke" and held:
            gone = chance.choice([*held])
            item.accounts = [a for a in item.accounts if a["account_id"] != gone]
            world.remove_account(one.connection_id, gone)
        elif what == "accounts":
            name = one.item_id.removeprefix("item-")
            item.accounts = [accounts_of_item(name, *a) for a in chance.sample(pool, chance.randint(1, 4))]
            sync(world, one.connection_id)
        else:
            sync(world, one.connection_id)
        assert_counted_once(world)


def assert_counted_once(world: World) -> None:
    """The stored marks match the stored accounts, and one usable copy of every account is counted."""
    assert OwnedAccounts.read(ALICE, connections=world.store).marks() == ()
    usable = {i for i, c in world.store.connections.items() if c.status is not ItemStatus.ERROR}
    copies = [
        (one["mask"], one["duplicate_of"] is None)
        for connection_id in usable
        for one in world.store.account_rows[connection_id].values()
    ]
    for mask in {mask for mask, _ in copies}:
        assert copies.count((mask, True)) == 1
