"""Only Plaid's webhooks are accepted, and forged ones cannot make the backend flood Plaid."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from shared.adapters.plaid.webhook_key_cache import (
    FRESH,
    KEY_KEPT,
    MAX_FETCHES_PER_MINUTE,
    MAX_KEYS,
    UNKNOWN_PER_MINUTE,
    UNKNOWN_TO_PLAID,
)
from shared.adapters.plaid.webhook_signature import WebhookVerifier
from shared.adapters.threads import ThreadExecutor
from shared.domain.errors import BankError, ErrorClass, ProviderError, Unauthenticated, Unavailable
from shared.domain.region import Region
from tests.fakes import FakeClock, FakeWebhookKeys, problem

BODY = b'{\n  "webhook_type": "TRANSACTIONS"\n}'


class Plaid:
    """Plaid's side: keys by id, and the number of requests for them."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.keys = {"k1": ec.generate_private_key(ec.SECP256R1())}
        self.expired: dict[str, float] = {}
        self.fetches = 0
        self.asked: list[tuple[str, Region]] = []
        self.regions: dict[str, Region] = {}  # of keys that the first pair does not know
        self.trouble: ProviderError | None = None
        self.stored = FakeWebhookKeys()
        self.verifier = self.instance()

    def instance(self, **pairs: Any) -> WebhookVerifier:
        return WebhookVerifier(
            fetch_key=self.fetch, stored=self.stored, clock=self.clock, executors=ThreadExecutor, **pairs
        )

    def fetch(self, kid: str, region: Region) -> dict[str, Any]:
        self.fetches += 1
        self.asked.append((kid, region))
        if self.trouble is not None:
            raise self.trouble
        if kid not in self.keys or self.regions.get(kid, Region.US) is not region:
            raise problem(ErrorClass.CONFIGURATION, UNKNOWN_TO_PLAID)
        jwk: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(self.keys[kid].public_key()))
        return jwk | {"alg": "ES256", "kid": kid, "use": "sig", "expired_at": self.expired.get(kid)}

    def sign(self, body: bytes = BODY, *, kid: str = "k1", age: float = 0, key: Any = None, **claims: Any) -> str:
        now = self.clock.at.timestamp()
        payload = {"iat": int(now - age), "request_body_sha256": hashlib.sha256(body).hexdigest()} | claims
        return jwt.encode(payload, key or self.keys[kid], algorithm="ES256", headers={"kid": kid})


@pytest.fixture
def plaid() -> Plaid:
    return Plaid()


def refused(plaid: Plaid, signed: str, body: bytes = BODY) -> bool:
    """Refused as a forgery, not because the look-up limit was reached."""
    with pytest.raises(Unauthenticated) as error:
        plaid.verifier.verify(signed, body)
    return error.value.code == "webhook_not_verified"


def flood(plaid: Plaid) -> None:
    """More concurrent forgeries than ids may be looked up, each with its own id."""
    outsider = ec.generate_private_key(ec.SECP256R1())
    for n in range(50):
        with pytest.raises((Unauthenticated, Unavailable)):
            plaid.verifier.verify(plaid.sign(key=outsider, kid=f"random-{n}"), BODY)


def test_a_webhook_of_plaids_passes_and_its_key_is_fetched_once(plaid: Plaid) -> None:
    for _ in range(5):
        plaid.verifier.verify(plaid.sign(), BODY)
    assert plaid.fetches == 1


def test_webhooks_that_arrive_together_fetch_their_key_once(plaid: Plaid) -> None:
    signed, real, fetching, answer = plaid.sign(), plaid.fetch, threading.Event(), threading.Event()

    def slow(kid: str, region: Region) -> dict[str, Any]:
        fetching.set()
        assert answer.wait(60)
        return real(kid, region)

    plaid.fetch = slow  # type: ignore[method-assign]
    plaid.verifier = plaid.instance()
    with ThreadPoolExecutor(5) as receivers:
        deliveries = [receivers.submit(plaid.verifier.verify, signed, BODY) for _ in range(5)]
        assert fetching.wait(60)
        answer.set()
        assert len({delivery.result().delivery_id for delivery in deliveries}) == 1
    assert plaid.fetches == 1


def test_known_key_does_not_wait_for_the_look_up_of_another_key(plaid: Plaid) -> None:
    plaid.verifier.verify(plaid.sign(), BODY)
    plaid.keys["k2"] = ec.generate_private_key(ec.SECP256R1())
    real = plaid.fetch

    def slow(kid: str, region: Region) -> dict[str, Any]:
        meanwhile.append(plaid.verifier.verify(plaid.sign(), BODY))
        return real(kid, region)

    meanwhile: list[object] = []
    plaid.verifier._keys._fetch_key = slow
    plaid.verifier.verify(plaid.sign(kid="k2"), BODY)
    assert len(meanwhile) == 1


@pytest.mark.parametrize("age", [301, -90])
def test_too_old_or_from_the_future_is_refused(plaid: Plaid, age: float) -> None:
    assert refused(plaid, plaid.sign(age=age))


@pytest.mark.parametrize("body", [b"", BODY + b" ", BODY.replace(b"  ", b" ")])
def test_another_body_by_as_little_as_a_space_is_refused(plaid: Plaid, body: bytes) -> None:
    assert refused(plaid, plaid.sign(), body)


@pytest.mark.parametrize("signed", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_junk_is_refused_without_asking_plaid(plaid: Plaid, signed: str) -> None:
    assert refused(plaid, signed)
    assert plaid.fetches == 0


def test_another_algorithm_is_refused_without_asking_plaid(plaid: Plaid) -> None:
    secret = "s" * 32
    claims = {"iat": int(plaid.clock.at.timestamp()), "request_body_sha256": hashlib.sha256(BODY).hexdigest()}
    assert refused(plaid, jwt.encode(claims, secret, algorithm="HS256", headers={"kid": "k1"}))
    none = base64.urlsafe_b64encode(b'{"alg":"none","kid":"k1"}').rstrip(b"=").decode()
    assert refused(plaid, f"{none}.e30.")
    assert plaid.fetches == 0


@pytest.mark.parametrize("kid", ["../../x", "k" * 65, "a b", ""])
def test_malformed_key_id_is_not_sent_to_plaid(plaid: Plaid, kid: str) -> None:
    assert refused(plaid, plaid.sign(key=plaid.keys["k1"], kid=kid))
    assert plaid.fetches == 0


@pytest.mark.parametrize("claims", [{"iat": None}, {"iat": "now"}, {"iat": True}, {"request_body_sha256": None}])
def test_claims_that_are_missing_or_of_the_wrong_kind_are_refused(plaid: Plaid, claims: dict[str, Any]) -> None:
    assert refused(plaid, plaid.sign(**claims))


def test_wrong_signature_is_refused_after_a_new_look_up_of_an_old_key(plaid: Plaid) -> None:
    plaid.verifier.verify(plaid.sign(), BODY)
    for _ in range(3):
        assert refused(plaid, plaid.sign(key=ec.generate_private_key(ec.SECP256R1())))
    assert plaid.fetches == 1
    plaid.clock.move(FRESH)
    for _ in range(3):
        assert refused(plaid, plaid.sign(key=ec.generate_private_key(ec.SECP256R1())))
    assert plaid.fetches == 2


def test_forgeries_that_name_a_known_key_do_not_block_another_known_key(plaid: Plaid) -> None:
    plaid.keys["k2"] = ec.generate_private_key(ec.SECP256R1())
    for kid in ("k1", "k2"):
        plaid.verifier.verify(plaid.sign(kid=kid), BODY)
    plaid.verifier = plaid.instance()
    outsider = ec.generate_private_key(ec.SECP256R1())
    for _ in range(50):
        assert refused(plaid, plaid.sign(key=outsider, kid="k1"))
    plaid.verifier.verify(plaid.sign(kid="k2"), BODY)


def test_wrong_api_keys_keep_the_cache_and_request_a_redelivery(plaid: Plaid) -> None:
    plaid.verifier.verify(plaid.sign(), BODY)
    plaid.clock.move(FRESH)
    plaid.trouble = problem(ErrorClass.CONFIGURATION, "INVALID_API_KEYS")
    with pytest.raises(Unavailable):
        plaid.verifier.verify(plaid.sign(key=ec.generate_private_key(ec.SECP256R1())), BODY)
    plaid.verifier.verify(plaid.sign(), BODY)


def test_replaced_key_is_fetched(plaid: Plaid) -> None:
    plaid.verifier.verify(plaid.sign(), BODY)
    plaid.clock.move(FRESH)
    plaid.keys["k1"] = ec.generate_private_key(ec.SECP256R1())
    plaid.verifier.verify(plaid.sign(), BODY)


def test_a_retired_key_signs_nothing_new(plaid: Plaid) -> None:
    plaid.expired["k1"] = plaid.clock.at.timestamp() - 60
    assert refused(plaid, plaid.sign())
    plaid.verifier.verify(plaid.sign(age=120), BODY)


def test_key_is_looked_up_again_after_a_while(plaid: Plaid) -> None:
    plaid.verifier.verify(plaid.sign(), BODY)
    plaid.clock.move(KEY_KEPT + timedelta(seconds=1))
    plaid.expired["k1"] = plaid.clock.at.timestamp() - 60
    assert refused(plaid, plaid.sign())


def test_unknown_keys_cannot_be_used_to_flood_plaid(plaid: Plaid) -> None:
    outsider = ec.generate_private_key(ec.SECP256R1())
    answers = set()
    for n in range(500):
        try:
            plaid.verifier.verify(plaid.sign(key=outsider, kid=f"random-{n}"), BODY)
        except BankError as error:
            answers.add((error.status, error.code))
    assert plaid.fetches == UNKNOWN_PER_MINUTE
    assert answers == {("UNAUTHENTICATED", "webhook_not_verified"), ("UNAVAILABLE", "webhook_keys_busy")}
    assert plaid.stored.reads == 1
    assert plaid.stored.spent == UNKNOWN_PER_MINUTE + 1, "an instance that knows that the limit is reached stops asking"
    for _ in range(50):
        assert refused(plaid, plaid.sign(key=outsider, kid="random-0"))
    assert plaid.fetches == UNKNOWN_PER_MINUTE


def test_a_known_key_works_through_a_flood_of_unknown_ones(plaid: Plaid) -> None:
    plaid.verifier.verify(plaid.sign(), BODY)
    flood(plaid)
    plaid.verifier.verify(plaid.sign(), BODY)


def test_new_instance_in_a_flood_knows_a_key_used_by_another(plaid: Plaid) -> None:
    plaid.verifier.verify(plaid.sign(), BODY)
    plaid.verifier = plaid.instance()
    flood(plaid)
    plaid.verifier.verify(plaid.sign(), BODY)


def test_webhooks_are_accepted_during_a_store_outage_and_the_key_is_stored_later(plaid: Plaid) -> None:
    plaid.stored.down = True
    plaid.verifier.verify(plaid.sign(), BODY)
    plaid.stored.down = False
    plaid.instance().verify(plaid.sign(), BODY)
    assert plaid.stored.kept == {"k1": Region.US}


def test_flood_of_hours_does_not_evict_a_known_key(plaid: Plaid) -> None:
    plaid.verifier.verify(plaid.sign(), BODY)
    outsider = ec.generate_private_key(ec.SECP256R1())
    for n in range(MAX_KEYS + 10):
        plaid.clock.move(timedelta(seconds=60 / UNKNOWN_PER_MINUTE + 1))
        assert refused(plaid, plaid.sign(key=outsider, kid=f"random-{n}"))
    for n in range(UNKNOWN_PER_MINUTE):
        with pytest.raises((Unauthenticated, Unavailable)):
            plaid.verifier.verify(plaid.sign(key=outsider, kid=f"last-{n}"), BODY)
    plaid.verifier.verify(plaid.sign(), BODY)


def test_flood_does_not_block_a_key_that_is_due_for_a_look_up(plaid: Plaid) -> None:
    plaid.verifier.verify(plaid.sign(), BODY)
    plaid.clock.move(KEY_KEPT + timedelta(seconds=1))
    flood(plaid)
    plaid.verifier.verify(plaid.sign(), BODY)
    assert plaid.fetches == 1 + UNKNOWN_PER_MINUTE + 1


def test_when_the_key_cannot_be_fetched_plaid_is_asked_to_send_again(plaid: Plaid) -> None:
    plaid.trouble = problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR")
    with pytest.raises(Unavailable):
        plaid.verifier.verify(plaid.sign(), BODY)
    plaid.trouble = None
    plaid.verifier.verify(plaid.sign(), BODY)


def answers(plaid: Plaid, kids: Iterable[str], *, ours: bool = False) -> set[str]:
    """The answers to forgeries that name these keys."""
    outsider, codes = ec.generate_private_key(ec.SECP256R1()), set()
    for kid in kids:
        with pytest.raises(BankError) as refused:
            plaid.verifier.verify(plaid.sign(key=outsider, kid=kid), BODY, to_our_address=ours)
        codes.add(refused.value.code)
    return codes


def test_the_instances_of_a_project_share_the_look_ups_of_unknown_keys(plaid: Plaid) -> None:
    for instance in range(10):
        plaid.verifier = plaid.instance()
        answers(plaid, (f"{instance}-{n}" for n in range(15)))
    assert plaid.fetches == UNKNOWN_PER_MINUTE
    plaid.clock.move(timedelta(minutes=1))
    assert answers(plaid, ["another"]) == {"webhook_not_verified"}


def test_new_key_during_a_flood_is_accepted_on_redelivery(plaid: Plaid) -> None:
    flood(plaid)
    with pytest.raises(Unavailable) as busy:
        plaid.verifier.verify(plaid.sign(), BODY)
    assert (busy.value.http, busy.value.retry_after_seconds) == (503, 60)
    plaid.clock.move(timedelta(minutes=1))
    plaid.verifier.verify(plaid.sign(), BODY)


def test_flood_does_not_block_a_new_key_at_the_secret_address(plaid: Plaid) -> None:
    flood(plaid)
    plaid.verifier.verify(plaid.sign(), BODY, to_our_address=True)
    plaid.verifier.verify(plaid.sign(), BODY)


def test_look_ups_at_the_secret_address_are_bounded_too(plaid: Plaid) -> None:
    kids = [f"k-{n}" for n in range(30)]
    assert answers(plaid, kids, ours=True) == {"webhook_not_verified", "webhook_keys_busy"}
    assert plaid.fetches == UNKNOWN_PER_MINUTE


def test_known_keys_are_not_counted(plaid: Plaid) -> None:
    for _ in range(5):
        plaid.verifier.verify(plaid.sign(), BODY)
        plaid.clock.move(KEY_KEPT + timedelta(seconds=1))
    plaid.verifier = plaid.instance()
    plaid.verifier.verify(plaid.sign(), BODY)
    assert plaid.stored.spent == 1


def test_without_the_store_an_instance_counts_by_itself(plaid: Plaid) -> None:
    plaid.stored.down = True
    assert answers(plaid, (f"k-{n}" for n in range(50))) == {"webhook_not_verified", "webhook_keys_busy"}
    assert plaid.fetches == MAX_FETCHES_PER_MINUTE
