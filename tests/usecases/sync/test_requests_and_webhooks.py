"""Sync requests by users and schedules, and the effects of webhooks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.connection import ItemStatus
from shared.domain.errors import (
    Conflict,
    ErrorClass,
    ErrorKind,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ProviderError,
    ResourceExhausted,
)
from shared.domain.link import LinkProducts
from shared.domain.progress import SyncProgress, SyncStatus
from shared.ports import Profile
from shared.usecases.linking.create_link_token import CreateLinkToken
from shared.usecases.linking.link_options import LinkDefaults, LinkOptions
from shared.usecases.linking.start_first_sync import StartFirstSync
from tests.fakes import FakeInbox, FakeInstitutions, FakeLinks, FakeProfiles, problem, row
from tests.usecases.conftest import ALICE, World


def ask(
    world: World, *, user: str = ALICE, spacing: int = 30, count: Callable[[], None] = lambda: None
) -> SyncProgress:
    requests = replace(world.sync_requests, manual_spacing=timedelta(seconds=spacing))
    return requests.by_user("1", app_user_id=user, count=count)


def webhook(world: World, code: str = "SYNC_UPDATES_AVAILABLE", inbox: FakeInbox | None = None, **body: Any) -> None:
    replace(world.receive_webhook, inbox=inbox or world.inbox)(
        {"webhook_type": "TRANSACTIONS", "webhook_code": code, "item_id": "item-1", "environment": "sandbox", **body},
        delivery_id=f"jwt-{world.clock.now()}",
    )


def test_a_users_request_makes_the_sync_pending_and_enqueues_it(world: World) -> None:
    world.connected("1", row("t1"))
    world.settle()
    assert ask(world).status is SyncStatus.PENDING
    assert len(world.queue.tasks) == 1


def test_a_second_request_within_the_spacing_is_refused_with_the_time_to_wait(world: World) -> None:
    world.connected()
    ask(world)
    with pytest.raises(ResourceExhausted) as refused:
        ask(world)
    assert refused.value.retry_after_seconds == 30
    world.clock.move(timedelta(seconds=30))
    ask(world)


def test_refused_request_is_not_counted_and_accepted_request_is_counted_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.connected()
    counted: list[int] = []
    really, refusals = world.store._save, [Conflict, Conflict]

    def save(*arguments: Any) -> Any:
        if refusals:
            raise refusals.pop()
        return really(*arguments)

    monkeypatch.setattr(world.store, "_save", save)
    ask(world, count=lambda: counted.append(1))
    for user in (ALICE, "bob"):
        with pytest.raises((ResourceExhausted, NotFound)):
            ask(world, user=user, count=lambda: counted.append(1))
    assert counted == [1]


@pytest.mark.parametrize("on_top", [False, True])
def test_request_with_a_lost_commit_answer_is_enqueued(
    world: World, monkeypatch: pytest.MonkeyPatch, on_top: bool
) -> None:
    """Also when another process has written since."""
    world.connected()
    world.settle()
    really, lost = world.store._save, [Conflict]

    def save(*arguments: Any) -> Any:
        version = really(*arguments)
        if lost and on_top:
            really(world.state().touched(), version, ())
        if lost:
            raise lost.pop()  # as a client that retries a commit that had succeeded
        return version

    monkeypatch.setattr(world.store, "_save", save)
    assert ask(world).status is SyncStatus.PENDING
    assert len(world.queue.tasks) == 1


def test_concurrent_events_are_both_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.connected()
    really, others = world.store._save, [True]
    before = world.state().requested

    def save(*arguments: Any) -> Any:
        if others:
            others.pop()
            really(*arguments)  # another delivery that leaves an identical state
        return really(*arguments)

    monkeypatch.setattr(world.store, "_save", save)
    webhook(world)
    assert world.state().requested == before + 2


def test_connection_of_another_user_does_not_exist(world: World) -> None:
    world.connected()
    with pytest.raises(NotFound) as others:
        ask(world, user="bob")
    world.store.connections.clear()
    with pytest.raises(NotFound) as missing:
        ask(world)
    assert others.value.form() == missing.value.form()


def test_sync_of_a_dead_connection_is_refused_with_a_request_to_link_again(world: World) -> None:
    world.connected()
    world.store.describe("1", {"status": ItemStatus.ERROR})
    with pytest.raises(FailedPrecondition) as refused:
        ask(world)
    assert refused.value.code == "relink_required"


def test_a_queue_that_is_down_does_not_lose_the_request(world: World) -> None:
    world.connected("1", row("t1"))
    world.queue.names.add("1-q2")  # as if the queue had lost the task
    ask(world)
    assert world.queue.tasks == []
    world.clock.move(timedelta(minutes=15))
    assert world.tick() == 1


def test_webhook_about_new_data_starts_a_run(world: World) -> None:
    item = world.connected("1", row("t1"))
    world.settle()
    item.add(row("t2"))
    webhook(world)
    world.settle()
    assert world.equals_truth()


def test_older_codes_matter_only_while_history_is_coming_in(world: World) -> None:
    world.connected("1", row("t1"))
    world.settle()
    requested = world.state().requested
    webhook(world, "HISTORICAL_UPDATE")
    assert world.state().requested == requested


def test_unknown_codes_are_stored_and_start_nothing(world: World) -> None:
    world.connected()
    requested = world.state().requested
    webhook(world, "SOMETHING_NEW")
    assert world.state().requested == requested
    assert len(world.inbox.deliveries) == 1


def test_webhook_for_an_unknown_item_is_not_stored(world: World) -> None:
    world.connected()
    webhook(world, item_id="unknown")
    assert world.inbox.deliveries == {}


def test_webhook_of_another_environment_is_ignored(world: World) -> None:
    world.connected()
    inbox = FakeInbox()
    webhook(world, inbox=inbox, environment="production")
    assert inbox.deliveries == {}


def test_signed_body_that_is_no_webhook_is_logged_and_acknowledged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.connected()
    webhook(world, webhook_type=7)
    assert world.inbox.deliveries == {}
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == ["webhook.malformed"]


@pytest.mark.parametrize("code", ["EVENTS", "SESSION_FINISHED", "HANDOFF", "SOMETHING_NEW"])
@pytest.mark.parametrize("whose", [{"item_id": None}, {"item_id": "item-1"}])
def test_link_webhook_is_stored_without_its_content(world: World, code: str, whose: dict[str, Any]) -> None:
    world.connected()
    personal: dict[str, Any] = {
        "events": [{"event_name": "SELECT_INSTITUTION", "event_metadata": {"institution_name": "First Bank"}}],
        "user_id": "usr_9nSp2KuZ2x4JDw",
        "client_user_id": ALICE,
        "public_token": "public-sandbox-1",
        "public_tokens": ["public-sandbox-1"],
        "link_token": "link-sandbox-1",
    }
    webhook(world, code, webhook_type="LINK", link_session_id="session-1", **whose, **personal)
    [kept] = [delivery.body for delivery in world.inbox.deliveries.values()]
    assert kept == {
        "webhook_type": "LINK",
        "webhook_code": code,
        "environment": "sandbox",
        "link_session_id": "session-1",
    }


def test_webhook_that_names_no_known_item_is_stored_without_its_content(world: World) -> None:
    webhook(world, "SOMETHING_NEW", webhook_type="USER", item_id=None, user_id="usr_1", link_session_id={"no": "id"})
    [kept] = [delivery.body for delivery in world.inbox.deliveries.values()]
    assert kept == {"webhook_type": "USER", "webhook_code": "SOMETHING_NEW", "environment": "sandbox"}


def test_a_new_connection_is_synced_and_shown_with_its_bank(world: World) -> None:
    world.connected("1", row("t1"))
    StartFirstSync(syncs=world.store, queue=world.queue)("1")
    institutions = FakeInstitutions()
    world.welcome(institutions)
    world.settle()
    connection = world.store.connections["1"]
    assert connection.institution_name == "First Bank"
    assert connection.institution is not None
    assert connection.institution.url == "https://bank.example"
    assert world.state().is_set_up
    assert "bank.set_webhook" in world.calls.log
    assert world.equals_truth()


@pytest.mark.parametrize(
    "error",
    [problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR"), problem(ErrorClass.CONFIGURATION, "INVALID_API_KEYS")],
)
def test_item_data_is_kept_when_the_institution_look_up_fails(world: World, error: ProviderError) -> None:
    world.connected()
    world.store.describe("1", {"institution_id": None})
    world.plaid.fail("institution", error)
    with pytest.raises(ProviderError):
        world.welcome(FakeInstitutions())
    assert world.store.connections["1"].institution_id == "ins_1"
    assert "bank.set_webhook" in world.calls.log
    assert not world.state().is_set_up


REFUSED_EVERYWHERE = [problem(ErrorClass.CONFIGURATION, "INVALID_INSTITUTION")] * 2
NOT_OURS = [
    ProviderError(
        "no", kind=ErrorKind.INSTITUTION_NOT_ENABLED, error_type="INSTITUTION_ERROR", error_code="UNAUTHORIZED"
    )
]
NO_LONGER_SUPPORTED = [problem(ErrorClass.TERMINAL, "INSTITUTION_NO_LONGER_SUPPORTED")]


@pytest.mark.parametrize("refusals", [REFUSED_EVERYWHERE, NOT_OURS, NO_LONGER_SUPPORTED])
def test_unavailable_institution_is_requested_daily_and_not_with_every_sync(
    world: World, refusals: list[ProviderError]
) -> None:
    world.connected("1", row("t1"))
    institutions = FakeInstitutions()
    world.plaid.fail("institution", *refusals)
    world.welcome(institutions)
    world.settle()
    assert world.state().is_set_up
    world.clock.move(timedelta(hours=1))
    assert world.tick() == 0
    world.welcome(institutions)
    assert world.store.connections["1"].institution_name == "First Bank"


def test_failed_webhook_address_update_does_not_hide_the_institution(world: World) -> None:
    world.connected()
    institutions = FakeInstitutions()
    world.plaid.fail("set_webhook", problem(ErrorClass.CONFIGURATION, "INVALID_FIELD"))
    with pytest.raises(ProviderError):
        world.welcome(institutions)
    assert world.store.connections["1"].institution_name == "First Bank"
    assert not world.state().is_set_up
    world.welcome(institutions)
    assert world.state().is_set_up


def test_institution_of_another_country_is_found(world: World) -> None:
    world.connected()
    world.plaid.fail("institution", problem(ErrorClass.CONFIGURATION, "INVALID_INSTITUTION"))
    world.welcome(FakeInstitutions())
    assert world.store.connections["1"].institution_name == "First Bank"


def test_institution_is_fetched_once_and_served_stale_during_an_outage(world: World) -> None:
    world.connected()
    institutions = FakeInstitutions()
    world.welcome(institutions)
    world.welcome(institutions)
    assert world.calls.log.count("bank.institution") == 1
    world.clock.move(timedelta(days=30))
    world.plaid.fail("institution", problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR"))
    world.welcome(institutions)
    assert world.store.connections["1"].institution_name == "First Bank"


def link(world: World, wish: LinkOptions, profile: Profile = Profile()) -> None:  # noqa: B008
    CreateLinkToken(
        defaults=LinkDefaults("en", ("US",), LinkProducts(("transactions",)), "https://us.example/"),
        plaid=world.plaid,
        vault=world.vault,
        connections=world.store,
        credentials=world.credentials,
        institutions=world.institutions,
        product_consents=world.product_consents,
        profiles=FakeProfiles(profile),
        links=FakeLinks(),
        cap=world.cap,
        clock=world.clock,
    )(wish, app_user_id=ALICE)


def test_link_token_prefers_the_request_over_user_settings_over_defaults(world: World) -> None:
    link(world, LinkOptions())
    link(world, LinkOptions(), Profile("fr", ["FR"]))
    link(world, LinkOptions(language="de"), Profile("fr", ["FR"]))
    asked = [(r.language, r.country_codes, r.products) for r in world.plaid.link_requests]
    assert asked == [
        ("en", ("US",), ("transactions",)),
        ("fr", ("FR",), ("transactions",)),
        ("de", ("FR",), ("transactions",)),
    ]


def test_user_setting_that_link_does_not_support_counts_as_not_set(world: World) -> None:
    link(world, LinkOptions(), Profile("en-US", ["XX"]))
    link(world, LinkOptions(), Profile("klingon", 7))
    link(world, LinkOptions(), Profile("pt_BR", ["gb", "XX", "GB", None]))
    asked = [(r.language, r.country_codes) for r in world.plaid.link_requests]
    assert asked == [("en", ("US",)), ("en", ("US",)), ("pt", ("GB",))]


def test_option_of_the_app_that_plaid_refuses_is_a_client_error(world: World) -> None:
    refusal = problem(ErrorClass.CONFIGURATION, "INVALID_FIELD")
    world.plaid.fail("create_link_token", refusal, refusal)
    with pytest.raises(InvalidArgument) as refused:
        link(world, LinkOptions(language="de"))
    assert refused.value.details()["plaid"] is not None
    with pytest.raises(ProviderError) as ours:
        link(world, LinkOptions())
    assert ours.value.status == "UNAVAILABLE"


def test_update_mode_names_the_item_and_no_products_and_only_for_its_owner(world: World) -> None:
    world.connected()
    link(world, LinkOptions(connection_id="1", account_selection=True))
    request = world.plaid.link_requests[0]
    assert request.access_token is not None
    assert (request.products, request.webhook_url, request.account_selection) == ((), None, True)
    world.connected("2", owner="bob")
    with pytest.raises(NotFound):
        link(world, LinkOptions(connection_id="2"))
