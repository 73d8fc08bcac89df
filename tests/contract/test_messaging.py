"""The contract of the port `Messaging`: the same tests over the fake, the local stand-in and the real adapter.

The real adapter talks to a local server that answers as FCM does; FCM has no emulator.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from google.auth.credentials import Credentials

from shared.adapters.google.fcm import FirebaseMessaging, LocalMessaging, messaging_for
from shared.domain.push import PushMessage, PushOutcome, Receipt
from shared.ports import Messaging
from shared.settings import Settings
from tests.fakes import FakeMessaging
from tests.fcm import FcmServer, fcm_server

MESSAGE = PushMessage(notification_id="n1", kind="needs_repair", connection_id="c1")
GONE = ("unregistered", "invalid", "invalid-field")
LATER = {
    "down": None,
    "down-for-long": 3600,
    "down-on-a-date": None,
    "broken": None,
    "too-fast": 37,
    "proxy": None,
    "cut-off": None,
    "not-json": None,
}
REFUSED = ("too-big", "too-big-bare", "bad-data", "bad-both", "no-project", "other-sender", "no-right", "apns")


class Standing(Credentials):
    """Credentials of a service account that never contact Google."""

    def __init__(self, token: str = "of-the-service-account") -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.token = token

    def refresh(self, request: object) -> None:
        """Keep the credentials valid forever."""


@pytest.fixture
def server() -> Iterator[FcmServer]:
    with fcm_server() as running:
        yield running


@pytest.fixture
def real(server: FcmServer) -> FirebaseMessaging:
    return FirebaseMessaging(project="some-project", credential=Standing(), address=server.address)


def ordered() -> FakeMessaging:
    """The fake, configured to answer as the server does."""
    fake = FakeMessaging()
    fake.answers = {token: [Receipt(PushOutcome.GONE, "x")] for token in GONE}
    fake.answers |= {token: [Receipt(PushOutcome.LATER, "x", wait)] for token, wait in LATER.items()}
    fake.answers |= {token: [Receipt(PushOutcome.REFUSED, "x")] for token in REFUSED}
    return fake


@pytest.fixture(params=["fake", "local", "real"])
def messaging(request: pytest.FixtureRequest) -> Messaging:
    match request.param:
        case "fake":
            return ordered()
        case "local":
            return LocalMessaging(Settings(project="demo-bank"))
        case _:
            return request.getfixturevalue("real")  # type: ignore[no-any-return]


@pytest.fixture(params=["fake", "real"])
def failing(request: pytest.FixtureRequest) -> Messaging:
    """The adapters to which a device can be gone."""
    return ordered() if request.param == "fake" else request.getfixturevalue("real")


class TestContract:
    def test_every_device_gets_its_receipt(self, messaging: Messaging) -> None:
        assert messaging.send(MESSAGE, tokens=["a", "b", "c"]) == [Receipt(PushOutcome.SENT)] * 3
        assert messaging.send(MESSAGE, tokens=["a"]) == [Receipt(PushOutcome.SENT)]

    def test_receipts_come_in_the_order_of_the_tokens(self, failing: Messaging) -> None:
        receipts = failing.send(MESSAGE, tokens=["unregistered", "a", "down", "too-big"])
        assert [receipt.outcome for receipt in receipts] == [
            PushOutcome.GONE,
            PushOutcome.SENT,
            PushOutcome.LATER,
            PushOutcome.REFUSED,
        ]

    @pytest.mark.parametrize("token", GONE)
    def test_token_without_a_device_is_gone(self, failing: Messaging, token: str) -> None:
        assert failing.send(MESSAGE, tokens=[token])[0].outcome is PushOutcome.GONE

    @pytest.mark.parametrize(("token", "wait"), LATER.items())
    def test_outage_is_retried_after_the_requested_delay(
        self, failing: Messaging, token: str, wait: int | None
    ) -> None:
        receipt = failing.send(MESSAGE, tokens=[token])[0]
        assert (receipt.outcome, receipt.retry_after_seconds) == (PushOutcome.LATER, wait)
        assert receipt.error_code

    @pytest.mark.parametrize("token", REFUSED)
    def test_errors_unrelated_to_the_token_do_not_make_it_gone(self, failing: Messaging, token: str) -> None:
        receipt = failing.send(MESSAGE, tokens=[token])[0]
        assert receipt.outcome is PushOutcome.REFUSED
        assert receipt.error_code


def test_message_has_the_format_of_fcm(real: FirebaseMessaging, server: FcmServer) -> None:
    real.send(MESSAGE, tokens=["a", "b"])
    assert server.paths == {"/v1/projects/some-project/messages:send"}
    assert server.authorizations == {"Bearer of-the-service-account"}
    tag = MESSAGE.collapse_id
    assert len(tag) == 64
    assert server.messages("a") == [
        {
            "token": "a",
            "notification": {
                "title": "Your bank connection needs attention",
                "body": "Open the app to fix it.",
            },
            "data": {"notification_id": "n1", "kind": "needs_repair", "connection_id": "c1"},
            "android": {"notification": {"tag": tag}},
            "apns": {"headers": {"apns-collapse-id": tag}},
            "webpush": {"notification": {"tag": tag}},
        }
    ]


@pytest.mark.parametrize("token", ["down-for-long", "too-fast", "broken"])
def test_library_neither_waits_nor_retries(
    real: FirebaseMessaging, server: FcmServer, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps: list[float] = []
    monkeypatch.setattr("time.sleep", naps.append)
    real.send(MESSAGE, tokens=[token])
    assert naps == []
    assert len(server.messages(token)) == 1


def test_unknown_answer_does_not_crash(real: FirebaseMessaging) -> None:
    assert real.send(MESSAGE, tokens=["nonsense"])[0].outcome is PushOutcome.LATER


def test_without_credentials_nothing_is_sent_and_nothing_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    messaging = FirebaseMessaging(project="some-project", address="http://127.0.0.1:1")
    for _ in range(2):
        assert messaging.send(MESSAGE, tokens=["a", "b"]) == [Receipt(PushOutcome.LATER, "NO_ANSWER")] * 2


def test_unreachable_server_is_an_outage() -> None:
    messaging = FirebaseMessaging(project="some-project", credential=Standing(), address="http://127.0.0.1:1")
    assert messaging.send(MESSAGE, tokens=["a"])[0].outcome is PushOutcome.LATER


def test_neither_tokens_nor_texts_are_logged(
    real: FirebaseMessaging, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, logger="bank")
    caplog.set_level(logging.INFO)
    tokens = [f"{name}:secret-token" for name in (*GONE, *LATER, *REFUSED, "fine")]
    real.send(MESSAGE, tokens=tokens)
    LocalMessaging(Settings(project="demo-bank")).send(MESSAGE, tokens=tokens)
    seen = "".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records) + "".join(capfd.readouterr())
    assert "messaging.not_sent_locally" in seen
    for secret in ("secret-token", MESSAGE.title, MESSAGE.body):
        assert secret not in seen


def test_local_stand_in_works_only_with_the_emulators() -> None:
    with pytest.raises(ValueError, match="demo projects only"):
        LocalMessaging(Settings(project="omnibutler"))
    assert isinstance(messaging_for(Settings(project="omnibutler")), FirebaseMessaging)
    assert isinstance(messaging_for(Settings(project="demo-bank")), LocalMessaging)
