"""Each bank linked on Plaid's page becomes one connection of its user; its token is never stored in plain text."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, replace
from typing import Any

import pytest

from shared.adapters.plaid.webhook_events import parse_webhook
from shared.domain import grace_periods
from shared.domain.connection import SealedToken
from shared.domain.errors import ErrorClass, InvalidArgument, ResourceExhausted, Unavailable, VaultError
from shared.domain.hosted_link import MAX_PUBLIC_TOKENS, LinkOutcome, LinkResult, digest, public_tokens
from shared.domain.link import LinkProducts
from shared.domain.webhook import Webhook
from shared.settings import Settings
from shared.usecases.linking.create_link_token import CreateLinkToken
from shared.usecases.linking.exchange_hosted_link import ExchangeHostedLink
from shared.usecases.linking.exchange_public_token import LinkedItem
from shared.usecases.linking.link_options import LinkDefaults, LinkOptions
from shared.usecases.linking.receive_link_webhook import ReceiveLinkWebhook
from tests.fakes import Calls, Crash, FakeInstitutions, FakeLinks, FakeProfiles, problem, vault_problem
from tests.usecases.conftest import ALICE, World
from tests.usecases.linking_ground import exchanger

RESULT = digest("public-1")


class Hosted:
    """Hosted Link sessions, and the backend's handling of them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.links = FakeLinks(world.calls)

    def open(self, *, user: str = ALICE, **wish: Any) -> str | None:
        """Create a link token while Hosted Link is on."""
        made = CreateLinkToken(
            defaults=LinkDefaults(
                "en",
                ("US",),
                LinkProducts(("transactions",)),
                "https://us.example/",
                hosted=True,
                completion_redirect_uri="https://app.example/done",
            ),
            plaid=self.world.plaid,
            vault=self.world.vault,
            connections=self.world.store,
            credentials=self.world.credentials,
            institutions=self.world.institutions,
            product_consents=self.world.product_consents,
            profiles=FakeProfiles(),
            links=self.links,
            cap=self.world.cap,
            clock=self.world.clock,
        )(LinkOptions(**wish), app_user_id=user)
        return made.hosted_link_url

    def hear(self, code: str = "SESSION_FINISHED", link_token: object = "link-fake", **body: object) -> None:
        """Receive a verified LINK webhook."""
        known = {"webhook_type": "LINK", "webhook_code": code, "environment": "sandbox", "link_token": link_token}
        self.take(parse_webhook({**known, **body}))

    def take(self, webhook: Webhook) -> None:
        """Extract the public tokens from a webhook."""
        world = self.world
        ReceiveLinkWebhook(links=self.links, vault=world.vault, tasks=world.queue, clock=world.clock)(webhook)

    def tasks(self) -> list[str]:
        return [payload["result_id"] for function, payload in self.world.queue.others if function == "exchangelink"]

    def deliver(self, result_id: str = RESULT) -> bool:
        """One delivery of a task."""
        exchange = exchanger(self.world, institutions=FakeInstitutions())
        return ExchangeHostedLink(links=self.links, vault=self.world.vault, exchange=exchange)(result_id)

    @property
    def result(self) -> LinkResult:
        return self.links.results[RESULT]


@pytest.fixture
def hosted(world: World) -> Hosted:
    hosted = Hosted(world)
    world.plaid.new_item()
    return hosted


def owners(world: World) -> list[str]:
    return [connection.app_user_id for connection in world.store.connections.values()]


def test_linked_bank_becomes_a_connection_of_the_sessions_user(hosted: Hosted, world: World) -> None:
    assert hosted.open() == "https://hosted.example/link-fake"
    hosted.hear(status="SUCCESS", public_tokens=["public-1"])
    assert hosted.tasks() == [RESULT]
    assert hosted.deliver()
    assert owners(world) == [ALICE]
    [connection_id] = world.store.connections
    assert (hosted.result.outcome, hosted.result.connection_id) == (LinkOutcome.CONNECTED, connection_id)
    assert hosted.result.public_token is None


def test_hosted_page_is_requested_from_plaid(hosted: Hosted, world: World) -> None:
    hosted.open()
    assert world.plaid.link_requests[0].hosted
    assert world.plaid.link_requests[0].completion_redirect_uri == "https://app.example/done"


def test_both_webhooks_of_a_session_and_their_duplicates_make_one_connection(hosted: Hosted, world: World) -> None:
    hosted.open()
    for _ in range(3):
        hosted.hear("ITEM_ADD_RESULT", public_token="public-1")
        hosted.hear(status="SUCCESS", public_tokens=["public-1"])
    assert hosted.tasks() == [RESULT]
    assert all(hosted.deliver() for _ in range(3))
    hosted.hear(status="SUCCESS", public_tokens=["public-1"])
    assert hosted.deliver()
    assert owners(world) == [ALICE]
    assert world.calls.log.count("bank.exchange") == 1


def test_several_banks_of_one_session_become_several_connections(hosted: Hosted, world: World) -> None:
    world.plaid.new_item("2", institution_id="ins_2")
    hosted.open()
    hosted.hear(status="SUCCESS", public_tokens=["public-1", "public-2", "public-1"])
    assert hosted.tasks() == [RESULT, digest("public-2")]
    assert all(hosted.deliver(result_id) for result_id in hosted.tasks())
    assert owners(world) == [ALICE, ALICE]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"public_tokens": ["a", "b"]}, ("a", "b")),
        ({"public_token": "a"}, ("a",)),
        ({"public_token": "a", "public_tokens": ["a", "b"]}, ("a", "b")),
        ({"public_tokens": []}, ()),
        ({"public_tokens": None, "public_token": None}, ()),
        ({"public_tokens": "abc", "public_token": 7}, ()),
        ({"public_tokens": [None, "", 7, ["x"], {"y": 1}, "a"]}, ("a",)),
        ({}, ()),
    ],
)
def test_public_tokens_are_found_wherever_plaid_puts_them(body: dict[str, Any], found: tuple[str, ...]) -> None:
    assert public_tokens(body) == found


def test_number_of_banks_per_session_is_limited() -> None:
    assert len(public_tokens({"public_tokens": [f"t{n}" for n in range(500)]})) == MAX_PUBLIC_TOKENS


@pytest.mark.parametrize(
    "body",
    [
        {"status": "EXITED", "public_tokens": []},
        {"status": "EXITED"},
        {"code": "EVENTS", "events": [{"event_name": "HANDOFF"}]},
        {"code": "SOMETHING_NEW"},
    ],
)
def test_a_session_without_a_bank_asks_for_nothing(hosted: Hosted, body: dict[str, Any]) -> None:
    hosted.open()
    hosted.hear(**body)
    assert (hosted.tasks(), hosted.links.results) == ([], {})


@pytest.mark.parametrize("link_token", ["link-unknown", "", None, 7, ["link-fake"]])
def test_unknown_session_makes_no_connection(hosted: Hosted, link_token: object) -> None:
    hosted.open()
    hosted.hear(link_token=link_token, status="SUCCESS", public_tokens=["public-1"])
    assert (hosted.tasks(), hosted.links.results) == ([], {})


def test_update_mode_makes_no_second_connection(hosted: Hosted, world: World) -> None:
    world.connected("2")
    assert hosted.open(connection_id="2") is not None
    assert [session.hosted for session in hosted.links.sessions.values()] == [False]
    hosted.hear(status="SUCCESS", public_tokens=["public-2"])
    assert hosted.tasks() == []


def test_bank_beyond_the_limit_is_settled_without_a_call_to_plaid(hosted: Hosted, world: World) -> None:
    hosted.open()
    world.cap = replace(world.cap, most=1)
    world.connected("already")
    hosted.hear(public_token="public-1")
    assert hosted.deliver()
    assert hosted.result.outcome is LinkOutcome.TOO_MANY
    assert "bank.exchange" not in world.calls.log
    assert set(world.store.connections) == {"already"}


def test_no_page_is_opened_for_a_bank_beyond_the_limit(hosted: Hosted, world: World) -> None:
    world.cap = replace(world.cap, most=0)
    with pytest.raises(ResourceExhausted):
        hosted.open()
    assert "bank.create_link_token" not in world.calls.log


def test_session_that_could_not_be_stored_is_not_started(hosted: Hosted, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_args: object, **_more: object) -> None:
        raise Unavailable("down", code="store_unavailable")

    monkeypatch.setattr(hosted.links, "remember", down)
    with pytest.raises(Unavailable):
        hosted.open()


def test_public_token_is_stored_nowhere_in_plain_text(
    hosted: Hosted, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    class Sealing:
        """Unlike the other fake, hides the sealed plain text."""

        def seal(self, token: Any, *, app_user_id: str, connection_id: str, generation: int = 1) -> SealedToken:
            sealed = world.vault.seal(token, app_user_id=app_user_id, connection_id=connection_id)
            return SealedToken(ciphertext=sealed.ciphertext[::-1], key_id="k1")

    caplog.set_level(logging.INFO)
    hosted.open()
    receive = ReceiveLinkWebhook(
        links=hosted.links,
        vault=Sealing(),  # type: ignore[arg-type]
        tasks=world.queue,
        clock=world.clock,
    )
    receive(
        parse_webhook(
            {"webhook_type": "LINK", "webhook_code": "X", "link_token": "link-fake", "public_token": "public-1"}
        )
    )
    logged = "".join(str(vars(record)) for record in caplog.records)
    seen = json.dumps([asdict(hosted.result), world.queue.others, list(world.queue.names), logged], default=str)
    assert RESULT in seen
    assert "link.ended" in seen
    for secret in ("public-1", "link-fake"):
        assert secret not in seen


def test_token_is_sealed_for_its_owner_and_location(hosted: Hosted) -> None:
    hosted.open()
    hosted.hear(public_tokens=["public-1"])
    assert hosted.result.public_token is not None
    assert hosted.result.public_token.ciphertext == f"{ALICE}/link-result-{RESULT}/public-1"


class TestTask:
    @pytest.fixture(autouse=True)
    def _linked(self, hosted: Hosted) -> None:
        hosted.open()
        hosted.hear(status="SUCCESS", public_tokens=["public-1"])

    def test_while_plaid_is_down_it_is_delivered_again(self, hosted: Hosted, world: World) -> None:
        world.plaid.fail("exchange", *[problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR")] * 2)
        assert [hosted.deliver() for _ in range(3)] == [False, False, True]
        assert owners(world) == [ALICE]

    def test_with_wrong_keys_it_is_delivered_again(self, hosted: Hosted, world: World) -> None:
        world.plaid.fail("exchange", problem(ErrorClass.CONFIGURATION, "INVALID_API_KEYS"))
        assert not hosted.deliver()
        assert hosted.deliver()
        assert owners(world) == [ALICE]

    def test_a_token_that_expired_is_settled(self, hosted: Hosted, world: World) -> None:
        world.plaid.public_tokens.clear()
        assert hosted.deliver()
        assert (hosted.result.outcome, hosted.result.public_token) == (LinkOutcome.UNUSABLE, None)
        assert hosted.deliver()
        assert world.calls.log.count("bank.exchange") == 1

    @pytest.mark.parametrize("fault", [ErrorClass.USER, ErrorClass.TERMINAL])
    def test_failure_that_only_a_new_link_resolves_is_settled(
        self, hosted: Hosted, world: World, fault: ErrorClass
    ) -> None:
        world.plaid.fail("exchange", problem(fault, "ITEM_NOT_SUPPORTED"))
        assert hosted.deliver()
        assert hosted.result.outcome is LinkOutcome.UNUSABLE
        assert owners(world) == []

    def test_duplicate_is_settled_with_the_existing_connection(self, hosted: Hosted, world: World) -> None:
        assert hosted.deliver()
        [first] = world.store.connections
        world.plaid.new_item("2")
        hosted.hear(public_tokens=["public-2"])
        again = digest("public-2")
        assert hosted.deliver(again)
        settled = hosted.links.results[again]
        assert (settled.outcome, settled.connection_id) == (LinkOutcome.DUPLICATE, first)
        assert world.plaid.removed == ["item-2"]

    def test_app_may_exchange_the_token_too(self, hosted: Hosted, world: World) -> None:
        by_the_app = exchanger(world)(LinkedItem("public-1"), app_user_id=ALICE)
        assert hosted.deliver()
        assert owners(world) == [ALICE]
        assert hosted.result.connection_id == by_the_app.answer["connection_id"]

    def test_an_unknown_result_is_settled(self, hosted: Hosted, world: World) -> None:
        assert hosted.deliver("nothing")
        assert owners(world) == []


def test_crash_anywhere_is_recovered() -> None:
    """Except in the exchange's one window, between Plaid's answer and the first store."""
    for step in range(30):
        world, calls = World(), Calls()
        hosted = Hosted(world)
        world.plaid.new_item()
        hosted.open()
        hosted.hear(public_tokens=["public-1"])
        world.plaid.calls = world.store.calls = hosted.links.calls = calls
        calls.crash_after = step
        try:
            hosted.deliver()
        except Crash:
            window = calls.log[-1] == "bank.exchange"
        else:
            break
        world.clock.move(grace_periods.EXCHANGE)
        assert any(hosted.deliver() for _ in range(3))
        assert hosted.result.outcome is (LinkOutcome.UNUSABLE if window else LinkOutcome.CONNECTED), calls.log
        assert owners(world) == ([] if window else [ALICE])
    assert step == len(calls.log) > 4


def test_webhook_that_could_not_be_stored_or_enqueued_is_requested_again(hosted: Hosted, world: World) -> None:
    hosted.open()
    for method in ("links.keep", "queue.add"):

        def down(name: str, method: str = method) -> None:
            if name == method:
                raise Unavailable("down", code="store_unavailable")

        world.calls.before = down
        with pytest.raises(Unavailable):
            hosted.hear(public_tokens=["public-1"])
    world.calls.before = None
    hosted.hear(public_tokens=["public-1"])
    assert hosted.tasks() == [RESULT]
    assert hosted.deliver()
    assert owners(world) == [ALICE]


def test_verified_webhook_is_stored_without_its_tokens(hosted: Hosted, world: World) -> None:
    hosted.open()
    tokens = {"link_token": "link-fake", "public_token": "public-1", "public_tokens": ["public-1"]}
    for code in ("ITEM_ADD_RESULT", "SESSION_FINISHED"):
        replace(world.receive_webhook, receive_link_webhook=hosted.take)(
            {"webhook_type": "LINK", "webhook_code": code, "status": "SUCCESS", **tokens}, delivery_id=f"jwt-{code}"
        )
    assert hosted.tasks() == [RESULT]
    assert hosted.deliver()
    assert owners(world) == [ALICE]
    kept = [delivery.body for delivery in world.inbox.deliveries.values()]
    assert len(kept) == 2
    assert not any(name in body for body in kept for name in tokens)


def test_nothing_is_stored_when_the_vault_cannot_seal(hosted: Hosted, world: World) -> None:
    class Closed:
        def seal(self, *_args: object, **_more: object) -> SealedToken:
            raise vault_problem(ErrorClass.CONFIGURATION, "NO_VAULT_KEY")

    hosted.open()
    world.vault = Closed()  # type: ignore[assignment]
    with pytest.raises(VaultError):
        hosted.hear(public_tokens=["public-1"])
    assert (hosted.links.results, hosted.tasks()) == ({}, [])


def test_another_user_gets_no_token(hosted: Hosted, world: World) -> None:
    hosted.open(user="bob")
    hosted.hear(public_tokens=["public-1"])
    assert hosted.deliver()
    assert owners(world) == ["bob"]
    with pytest.raises(InvalidArgument):
        exchanger(world)(LinkedItem("public-1"), app_user_id=ALICE)


def test_hosted_link_needs_a_webhook_address() -> None:
    with pytest.raises(ValueError, match="HOSTED_LINK needs WEBHOOK_URL"):
        Settings.read({"GCLOUD_PROJECT": "demo-bank", "HOSTED_LINK": "1"})
    given = {"GCLOUD_PROJECT": "demo-bank", "HOSTED_LINK": "1", "WEBHOOK_URL": "https://us.example/"}
    assert Settings.read(given).hosted_link
    assert not Settings.read({"GCLOUD_PROJECT": "demo-bank", "HOSTED_LINK": ""}).hosted_link
