"""The functions return only what docs/api/openapi.json describes, and everything that it describes.

Each function is called successfully, and with each external call failing in every possible way; dedicated calls cover
the answers that need a certain state. Every answer must be described, and every description must have been observed.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flask.testing import FlaskClient
from openapi_spec_validator import validate

from docs.openapi import DESCRIPTION, rendered
from shared.adapters.plaid.errors import from_answer
from shared.adapters.plaid.webhook_key_cache import UNKNOWN_TO_PLAID
from shared.adapters.plaid.webhook_signature import WebhookVerifier
from shared.domain.caller import Caller
from shared.domain.errors import BankError, Conflict, ErrorClass, NotStorable, Unauthenticated, Unavailable
from shared.domain.exchange import Intent
from shared.domain.hosted_link import LinkSession
from shared.domain.region import Region
from shared.serving import container
from shared.settings import Settings
from tests.fakes import FakeWebhookKeys, account, problem, vault_problem
from tests.functions.conftest import SIGNED_IN, Callers, Limits, client, stand_in
from tests.openapi import Described
from tests.usecases.conftest import ALICE, World

REST = {
    "create_link_token": ("GET", "/api/v1/bank/connect"),
    "exchange_public_token": ("POST", "/api/v1/bank/set_access_token"),
    "sync_connection": ("POST", "/api/v1/bank/connections/1/sync"),
    "reconnect_connection": ("POST", "/api/v1/bank/connections/1/reconnected"),
    "refresh_balances": ("POST", "/api/v1/bank/connections/1/balances"),
    "remove_connection": ("DELETE", "/api/v1/bank/connections/1"),
    "delete_bank_data": ("DELETE", "/api/v1/bank/data"),
    "plaid_webhook": ("POST", "/api/v1/bank/webhook"),
    "api_not_found": ("GET", "/api/v1/nothing"),
}
OF_A_CONNECTION = {"sync_connection", "reconnect_connection", "refresh_balances", "remove_connection"}
KEY = ec.generate_private_key(ec.SECP256R1())
JWK = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key()))
UPDATE = {"webhook_type": "TRANSACTIONS", "webhook_code": "SYNC_UPDATES_AVAILABLE", "item_id": "item-1"}
EXPIRING = {"webhook_type": "ITEM", "webhook_code": "PENDING_EXPIRATION", "item_id": "item-1"}
HELD = {"app_user_id": ALICE, "connection_id": "2"}
LINKED = {
    "webhook_type": "LINK",
    "webhook_code": "ITEM_ADD_RESULT",
    "link_token": "link-fake",
    "public_token": "public-sandbox-11111111-2222-3333-4444-555555555555",
}


def signed(world: World, body: dict[str, Any] | bytes, *, kid: str = "k1") -> tuple[dict[str, str], bytes]:
    """A webhook as Plaid sends it: its headers and its body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    claims = {"iat": int(world.clock.at.timestamp()), "request_body_sha256": hashlib.sha256(raw).hexdigest()}
    token = jwt.encode(claims, KEY, algorithm="ES256", headers={"kid": kid})
    return {"Plaid-Verification": token, "Content-Type": "application/json"}, raw


@dataclass
class Seen:
    """The answers that the functions gave."""

    described: Described = field(default_factory=Described)
    codes: set[tuple[str, str]] = field(default_factory=set)
    successes: set[tuple[str, int]] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)

    def take(self, method: str, path: str, answer: Any) -> None:
        headers = dict(answer.headers)
        self.complaints += self.described.complaints(method, path, answer.status_code, headers, answer.data)
        _, operation = self.described.operation(method, path)
        if answer.status_code < 400:
            self.successes.add((operation["operationId"], answer.status_code))
        else:
            self.codes.add((operation["operationId"], answer.json["error"]["details"]["code"]))


@dataclass
class Trial:
    """One function on its own world."""

    function: str
    asking: FlaskClient
    world: World
    patch: pytest.MonkeyPatch
    seen: Seen

    def rest(self, **content: Any) -> Any:
        """Call over REST, as a signed-in user or as Plaid."""
        method, path = REST[self.function]
        method, path = content.pop("method", method), content.pop("path", path)
        answer = self.asking.open(path, method=method, **{"headers": SIGNED_IN} | content)
        self.seen.take(method, path, answer)
        return answer

    def call(self, fields: Any = None, **content: Any) -> Any:
        """Call in the callable protocol."""
        method = content.pop("method", "POST")
        given = {} if "data" in content else {"json": {"data": fields}}
        answer = self.asking.open("/", method=method, **{"headers": SIGNED_IN} | given | content)
        self.seen.take(method, f"/demo-bank/us-central1/{self.function}", answer)
        return answer

    def both(self, **fields: Any) -> None:
        """Make the same call in both protocols."""
        method, _ = REST[self.function]
        if self.function == "plaid_webhook":
            headers, raw = signed(self.world, fields or UPDATE)
            self.rest(headers=headers, data=raw)
            return
        self.rest(**({"query_string": fields} if method != "POST" else {"json": fields} if fields else {}))
        if self.function != "api_not_found":
            self.call(fields | ({"connection_id": "1"} if self.function in OF_A_CONNECTION else {}))

    def instead(self, name: str, fake: object) -> None:
        self.patch.setattr(container, name, lambda: fake)


@pytest.fixture(scope="module")
def seen() -> Seen:
    return Seen()


@pytest.fixture(scope="module", params=REST)
def function(request: pytest.FixtureRequest) -> Iterator[tuple[str, FlaskClient]]:
    for asking in client(request.param):
        yield request.param, asking


@pytest.fixture
def trials(function: tuple[str, FlaskClient], seen: Seen) -> Iterator[Callable[[], Trial]]:
    """New trials of one function, each with a connected bank."""
    with pytest.MonkeyPatch.context() as patch:

        def trial() -> Trial:
            world = World()
            world.vault.calls = world.calls
            stand_in(world, patch)
            world.connected("1")
            world.connected("of-another", owner="bob")
            patch.setattr(container, "sleep", lambda seconds: world.clock.move(timedelta(seconds=seconds)))
            made = Trial(*function, world, patch, seen)
            made.instead(
                "webhooks",
                WebhookVerifier(
                    fetch_key=lambda *_: JWK,
                    stored=FakeWebhookKeys(),
                    clock=world.clock,
                    executors=world.executors,
                ),
            )
            session = LinkSession(ALICE, world.clock.at + timedelta(hours=4), hosted=True)
            container.links().remember("link-fake", session, now=world.clock.at)
            world.calls.log.clear()
            return made

        yield trial


def well(function: str) -> list[dict[str, Any]]:
    """Calls that succeed."""
    match function:
        case "create_link_token":
            return [{}, {"redirect_uri": "https://app.example/back"}, {"connection_id": "1"}]
        case "exchange_public_token":
            return [{"public_token": "public-new"}, {"items": [{"public_token": "public-new"}, {"public_token": "x"}]}]
        case "plaid_webhook":
            return [UPDATE, EXPIRING, LINKED]
        case _:
            return [{}]


def prepared(trials: Callable[[], Trial]) -> Trial:
    """A trial with a bank that can be linked."""
    trial = trials()
    trial.world.plaid.new_item("new", institution_id="ins_2")
    return trial


def test_description_matches_the_code_and_is_valid() -> None:
    text = DESCRIPTION.read_text(encoding="utf-8")
    assert text == rendered(), "run `make docs`"
    validate(json.loads(text))


def test_examples_match_the_schemas_of_their_bodies() -> None:
    assert list(Described().wrong_examples()) == []


def test_every_body_and_every_error_has_an_example() -> None:
    described = Described()
    assert list(described.without_example()) == []
    exemplified = {(operation, value["error"]["details"]["code"]) for operation, value in described.error_examples()}
    assert exemplified == described.codes()


def test_calls_that_succeed_are_described(trials: Callable[[], Trial]) -> None:
    for fields in well(prepared(trials).function):
        prepared(trials).both(**fields)
        again = prepared(trials)
        again.both(**fields)
        again.both(**fields)
    if prepared(trials).function in OF_A_CONNECTION:
        prepared(trials).call({"connection_id": "1"})
    hosted = prepared(trials)
    hosted.instead("settings", Settings(project="demo-bank", hosted_link=True, webhook_url="https://us.example/"))
    hosted.both()


def ways(call: str) -> list[BaseException]:
    """The ways in which an external call can fail."""
    kind = call.partition(".")[0]
    if kind == "bank":
        return [problem(fault, "SOMETHING") for fault in ErrorClass]
    if kind == "vault":  # a problem with a key is never the user's fault
        return [vault_problem(which, "SOMETHING") for which in (ErrorClass.TRANSIENT, ErrorClass.CONFIGURATION)]
    if kind == "queue":
        return [Unavailable("no", code="queue_unavailable")]
    return [Unavailable("no", code="store_unavailable"), Conflict(), RuntimeError("a bug")]


def test_answers_to_failed_external_calls_are_described(trials: Callable[[], Trial]) -> None:
    for fields in well(prepared(trials).function):
        calm = prepared(trials)
        calm.both(**fields)
        for call in sorted(set(calm.world.calls.log)):
            for failure in ways(call):
                trial = prepared(trials)

                def fail(name: str, call: str = call, failure: BaseException = failure) -> None:
                    if name == call:
                        raise failure

                trial.world.calls.before = fail
                trial.both(**fields)


class BusyVerifier:
    """The look-up counter raises the errors of `Limits`; the real verifier counts by itself then."""

    def verify(self, *_: object, **__: object) -> None:
        Busy().spend("", "", per_minute=1, now=None)


class Refusing(Callers):
    """Firebase refuses the token."""

    def __init__(self, error: BankError | NotStorable, *, of_app: bool = False) -> None:
        super().__init__()
        self.error, self.of_app = error, of_app

    def verify(self, id_token: str) -> Caller:
        if not self.of_app:
            raise self.error
        return super().verify(id_token)

    def verify_app(self, app_token: str) -> str:
        raise self.error


class Busy(Limits):
    def spend(self, app_user_id: str, action: str, *, per_minute: int, now: object) -> int | None:
        raise Unavailable("no", code="limits_busy")


def test_refusals_of_callers_and_request_formats_are_described(trials: Callable[[], Trial]) -> None:
    trial = trials()
    if trial.function == "api_not_found":
        trial.rest()
        return
    method, _ = REST[trial.function]
    calls = [trial.rest] if trial.function == "plaid_webhook" else [trial.rest, trial.call]
    for call in calls:
        call(method="PUT")
        body = {"content_type": "application/json"}
        if method != "GET" or call == trial.call:
            call(data=b"{", **body)
            call(data=b"[]", **body)
            call(data=b"x" * 300_000, **body)
        if trial.function == "plaid_webhook":
            continue
        call(headers={})
        call(headers={"Authorization": "Bearer unknown"})
    if trial.function == "plaid_webhook":
        return
    trial.both(unknown="x")
    if method == "POST":
        trial.rest(query_string={"x": "y"})
    trial.instead("settings", Settings(project="demo-bank", app_check=True))
    trial.both()
    for token in ("wrong", "attested"):
        headers = SIGNED_IN | {"X-Firebase-AppCheck": token}
        trial.rest(headers=headers)
        trial.call(headers=headers)
    attested = SIGNED_IN | {"X-Firebase-AppCheck": "attested"}
    trial.instead("callers", Refusing(Unavailable("no", code="app_check_unavailable"), of_app=True))
    trial.rest(headers=attested)
    trial.call(headers=attested)
    trial.instead("settings", Settings(project="demo-bank"))
    for code in ("id_token_expired", "id_token_revoked", "user_disabled", "uid_unusable"):
        trial.instead("callers", Refusing(Unauthenticated("no", code=code)))
        trial.both()
    failures: tuple[BankError | NotStorable, ...] = (Unavailable("no", code="auth_unavailable"), NotStorable())
    for failure in failures:
        trial.instead("callers", Refusing(failure))
        trial.both()
    trial.instead("callers", Callers())
    spent = Limits()
    spent.wait = 7
    for limits in (spent, Busy()):
        trial = trials()  # at the first request: the minimum interval between syncs may refuse a call, too
        trial.instead("limits", limits)
        trial.both(**well(trial.function)[0])


def test_refusals_that_depend_on_state_are_described(trials: Callable[[], Trial]) -> None:
    trial = prepared(trials)
    world = trial.world
    match trial.function:
        case "create_link_token":
            trial.both(connection_id="of-another")
            _being_replaced(world)
            world.plaid.fail("create_link_token", *[problem(ErrorClass.TERMINAL, "ITEM_NOT_FOUND")] * 2)
            trial.both(connection_id="1")
            world.store.describe("1", {"status": "error"})
            trial.both(connection_id="1")
            trial.instead("connection_cap", replace(world.cap, most=0))
            trial.both()
        case "exchange_public_token":
            trial.both(public_token="unknown")
            known = account("checking")
            world.store.account_rows["1"] = {"checking": known}
            linked = [{"name": known["name"], "mask": known["mask"]}]
            trial.both(public_token="public-new", institution={"institution_id": "ins_1"}, accounts=linked)
            trial.both(public_token="public-new", replaces="unknown")
            others = {"institution": {"institution_id": "ins_2"}, "accounts": linked}
            trial.both(public_token="public-new", replaces="1", **others)
            name = hashlib.sha256(b"public-held").hexdigest()
            world.intents.begin(
                Intent.new(intent_id=name, attempt="another", region=Region.US, **HELD, now=world.clock.at)
            )
            trial.both(public_token="public-held")
            trial.both(public_token="public-new", link_token="link-of-another")
            trial.both(public_token=world.plaid.update_mode("of-another"))
            _being_replaced(world)
            world.plaid.fail("item", *[problem(ErrorClass.TERMINAL, "ITEM_NOT_FOUND")] * 2)
            trial.both(public_token=world.plaid.update_mode("1"))
            world.store.describe("1", {"status": "error"})
            trial.both(public_token=world.plaid.update_mode("1"))
            full = prepared(trials)
            full.instead("connection_cap", replace(full.world.cap, most=0))
            full.both(public_token="public-new")
            abroad = prepared(trials)
            abroad.instead("settings", Settings(project="demo-bank", plaid_eu_client_id="second"))
            for region in Region:
                session = LinkSession(ALICE, abroad.world.clock.at + timedelta(hours=4), region=region)
                abroad.world.links.remember(f"link-{region}", session, now=abroad.world.clock.at)
            abroad.both(public_token="public-new")
        case "sync_connection" | "reconnect_connection" | "refresh_balances" | "remove_connection":
            if trial.function == "sync_connection":
                trial.both()
                trial.both()
            if trial.function == "reconnect_connection":
                _being_replaced(world)
                world.plaid.fail("item", *[problem(ErrorClass.TERMINAL, "ITEM_NOT_FOUND")] * 2)
                trial.both()
            world.store.describe("1", {"status": "error"})
            trial.both()
            for other in ("of-another", "unknown"):
                trial.rest(path=REST[trial.function][1].replace("/1", f"/{other}"))
                trial.call({"connection_id": other})
            if trial.function == "refresh_balances":
                _live_balances(trials)
        case "plaid_webhook":
            headers, raw = signed(world, UPDATE)
            trial.rest(headers=headers, data=raw + b" ")
            for body in (b"{", b"[]", b'{"no": "webhook"}'):
                headers, raw = signed(world, body)
                trial.rest(headers=headers, data=raw)
            unknown = problem(ErrorClass.CONFIGURATION, UNKNOWN_TO_PLAID)
            for failure in (problem(ErrorClass.TRANSIENT, "DOWN"), unknown, NotStorable()):
                verifier = WebhookVerifier(
                    fetch_key=_raising(failure),
                    stored=FakeWebhookKeys(),
                    clock=world.clock,
                    executors=world.executors,
                )
                trial.instead("webhooks", verifier)
                for number in range(70):
                    headers, raw = signed(world, UPDATE, kid=f"k{number}")
                    trial.rest(headers=headers, data=raw)
            trial.instead("webhooks", BusyVerifier())
            trial.rest(headers=headers, data=raw)


def test_users_who_may_not_connect_a_bank_are_refused_as_described(trials: Callable[[], Trial]) -> None:
    trial = prepared(trials)
    if trial.function not in ("create_link_token", "exchange_public_token"):
        return
    trial.world.store.connections.clear()  # without connections, Plaid is not called
    trial.instead("settings", Settings(project="demo-bank", allow_anonymous=False, require_verified_email=True))
    for user in (Caller(ALICE, is_anonymous=True), Caller(ALICE, email_verified=False)):
        callers = Callers()
        callers.user = user
        trial.instead("callers", callers)
        trial.both(**well(trial.function)[0])


def _live_balances(trials: Callable[[], Trial]) -> None:
    """Live balances: read once, refused within a minute, refused by the bank, and while the token is replaced."""

    def live() -> Trial:
        trial = prepared(trials)
        trial.instead("settings", container.settings().model_copy(update={"live_balances_per_day": 5}))
        return trial

    soon = live()
    soon.both()
    soon.both()
    codes = ("INSTITUTION_DOWN", "INVALID_API_KEYS", "ITEM_LOGIN_REQUIRED", "ITEM_NOT_FOUND")
    for error in (from_answer(400, json.dumps({"error_type": "AN_ERROR", "error_code": code})) for code in codes):
        for is_replaced, over_rest in itertools.product((False, True), repeat=2):
            refused = live()
            if is_replaced:
                _being_replaced(refused.world)
            refused.world.plaid.fail("live_balances", error, error)
            if over_rest:
                refused.rest()
            else:
                refused.call({"connection_id": "1"})


def _being_replaced(world: World) -> None:
    kept, _ = world.store.kept["1"]
    world.store.put_kept(kept.begun(now=world.clock.at))


def _raising(failure: BaseException) -> Callable[[str, Region], dict[str, Any]]:
    def fetch(_: str, __: Region) -> dict[str, Any]:
        raise failure

    return fetch


def test_answers_and_description_cover_each_other(seen: Seen) -> None:
    if len({operation for operation, _ in seen.successes}) < len(REST):
        pytest.skip("looks at what the tests before it have seen: run them all")
    assert seen.complaints == []
    assert sorted(seen.codes - seen.described.codes()) == []
    assert sorted(seen.described.codes() - seen.codes) == []
    assert seen.successes == seen.described.successes()
