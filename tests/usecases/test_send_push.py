"""A notification is pushed once to the user's devices."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime
from typing import Any

import pytest

from shared.domain.errors import Unavailable
from shared.domain.locales import LANGUAGES
from shared.domain.notification import NotificationKind, notification
from shared.domain.push import NEED_THE_USER, PushMessage, PushOutcome, Receipt, TokenHolders, usable_tokens
from shared.usecases.device_ownership import DeviceOwnership
from shared.usecases.send_push import LONGEST_WAIT_SECONDS, WAITS, SendPush
from tests.fakes import FakeClock, FakeMessaging, FakePushes

DOCUMENT = {
    "notification_id": "elsewhere",
    "kind": "needs_repair",
    "connection_id": "c1",
    "title": "A Bank needs your attention",
    "body": "Log in again",
    "created_at": "whenever",
    "read_at": None,
}
DOWN = Receipt(PushOutcome.LATER, "UNAVAILABLE")


def message(**changes: Any) -> PushMessage:
    made = PushMessage.of("n1", {**DOCUMENT, **changes})
    assert made is not None
    return made


class Phones:
    """Alice and her devices."""

    def __init__(self, *tokens: str) -> None:
        self.pushes = FakePushes()
        self.messaging = FakeMessaging()
        self.slept: list[float] = []
        if tokens:
            self.pushes.written["alice"] = list(tokens)

    def push(self, notification: PushMessage | None = None, *, user: str = "alice") -> None:
        send = SendPush(
            pushes=self.pushes,
            messaging=self.messaging,
            devices=DeviceOwnership(pushes=self.pushes, clock=FakeClock()),
            clock=FakeClock(),
            sleep=self.slept.append,
        )
        send(notification or message(), app_user_id=user)

    @property
    def reached(self) -> list[str]:
        return [token for token, _ in self.messaging.sent]


def test_every_device_is_notified() -> None:
    phones = Phones("phone", "tablet")
    phones.push()
    assert phones.reached == ["phone", "tablet"]
    assert {sent for _, sent in phones.messaging.sent} == {message()}


def test_trigger_delivered_twice_pushes_once() -> None:
    phones = Phones("phone")
    phones.push()
    phones.push()
    assert phones.reached == ["phone"]
    phones.push(PushMessage.of("n2", DOCUMENT))
    assert phones.reached == ["phone", "phone"]


@pytest.mark.parametrize("written", [None, [], "phone", 7, {"a": 1}, [None, 7, "", ["x"], "x" * 5000]])
def test_user_without_devices_gets_no_push(written: object) -> None:
    phones = Phones()
    phones.pushes.written["alice"] = written
    phones.push()
    assert phones.messaging.tries == []
    assert phones.pushes.claims == set(), "a device added before the trigger's redelivery is notified"


def test_number_of_devices_is_bounded_and_the_newest_are_kept() -> None:
    assert usable_tokens(["a", "b", "a", None, "b"]) == ("a", "b")
    assert usable_tokens([f"t{n}" for n in range(30)]) == tuple(f"t{n}" for n in range(10, 30))


def test_only_invalid_tokens_are_dropped() -> None:
    phones = Phones("gone", "phone", "refused", "down")
    phones.messaging.answers = {
        "gone": [Receipt(PushOutcome.GONE, "UNREGISTERED")],
        "refused": [Receipt(PushOutcome.REFUSED, "PERMISSION_DENIED")],
        "down": [DOWN],
    }
    phones.push()
    assert phones.pushes.written["alice"] == ["phone", "refused", "down"]
    assert phones.reached == ["phone"]


def test_only_failed_devices_are_retried_while_messaging_is_down() -> None:
    phones = Phones("phone", "tablet")
    phones.messaging.answers["tablet"] = [DOWN, DOWN, Receipt(PushOutcome.SENT)]
    phones.push()
    assert phones.messaging.tries == [("phone", "tablet"), ("tablet",), ("tablet",)]
    assert phones.reached == ["phone", "tablet"]
    assert phones.slept == list(WAITS[:2])


def test_token_found_gone_by_a_retry_is_dropped_too() -> None:
    phones = Phones("phone")
    phones.messaging.answers["phone"] = [DOWN, Receipt(PushOutcome.GONE, "UNREGISTERED")]
    phones.push()
    assert phones.pushes.written["alice"] == []


def test_retries_are_bounded_and_a_failed_push_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    phones = Phones("phone")
    phones.messaging.answers["phone"] = [DOWN]
    phones.push()
    assert len(phones.messaging.tries) == len(WAITS) + 1
    assert phones.slept == list(WAITS)
    failed = next(record for record in caplog.records if record.getMessage() == "push.not_delivered")
    assert vars(failed)["fields"]["error_codes"] == ["UNAVAILABLE"]
    assert phones.pushes.written["alice"] == ["phone"]


def test_retry_delay_from_messaging_is_respected_up_to_a_limit() -> None:
    phones = Phones("phone")
    phones.messaging.answers["phone"] = [
        Receipt(PushOutcome.LATER, "RESOURCE_EXHAUSTED", LONGEST_WAIT_SECONDS),
        Receipt(PushOutcome.LATER, "RESOURCE_EXHAUSTED", LONGEST_WAIT_SECONDS + 1),
    ]
    phones.push()
    assert phones.slept == [LONGEST_WAIT_SECONDS]
    assert len(phones.messaging.tries) == 2


def test_a_store_that_fails_after_the_push_makes_no_second_one() -> None:
    class Failing(FakePushes):
        def drop_tokens(self, app_user_id: str, tokens: object) -> None:
            raise Unavailable("down", code="store_unavailable")

    phones = Phones()
    phones.pushes = Failing()
    phones.pushes.written["alice"] = ["gone", "phone"]
    phones.messaging.answers["gone"] = [Receipt(PushOutcome.GONE, "UNREGISTERED")]
    phones.push()
    phones.push()
    assert phones.reached == ["phone"]


SECRETS: dict[str, Any] = {
    "label": "Corner Clinic · 123.45 EUR",
    "notes": "for the divorce",
    "day": date(2026, 3, 5),
    "moved": 471,
    "archived": 472,
}


@pytest.mark.parametrize("kind", NotificationKind)
@pytest.mark.parametrize("language", ["en", "es-MX", "fr-CA", "de", "fi", None, 7])
def test_push_message_contains_no_private_data(kind: NotificationKind, language: Any) -> None:
    """Lock screens are public, so a push message contains no bank, merchant, amount, date or note."""
    stored = notification(
        kind, event_id="e1", connection_id="c1", bank="A Bank", language="en", now=FakeClock().now(), **SECRETS
    )
    phones = Phones("phone")
    phones.pushes.languages["alice"] = language
    phones.push(PushMessage.of("n1", stored.model_dump()))
    [(_, sent)] = phones.messaging.sent
    for secret in ("A Bank", *map(str, SECRETS.values()), "March", stored.title, stored.body):
        assert secret not in f"{sent.title} {sent.body} {sent.data}"
    assert sent.data == {"notification_id": "n1", "kind": kind, "connection_id": "c1"}
    assert sent.language == {"es-MX": "es", "fr-CA": "fr", "de": "de"}.get(str(language), "en")
    needs_user = any(word in sent.title for word in ("attention", "atención", "Aufmerksamkeit"))
    assert needs_user == (kind in NEED_THE_USER)


def test_push_messages_exist_in_every_language_of_notifications() -> None:
    for language in LANGUAGES:
        for kind in ("needs_repair", "note_kept", "a_kind_of_tomorrow"):
            assert message(kind=kind).in_language(language).language == language
            assert message(kind=kind).in_language(language).title


NOON, ONE = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 1, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("owner", "listed", "latest"),
    [
        (None, {}, None),
        (None, {"alice": NOON}, "alice"),
        ("alice", {"alice": NOON}, "alice"),
        ("alice", {"alice": NOON, "bob": ONE}, "bob"),
        # Apps may write other fields of the user document at any time.
        ("alice", {"alice": ONE, "bob": NOON}, "bob"),
        ("alice", {"alice": ONE, "bob": NOON, "cleo": ONE}, "cleo"),
        (None, {"alice": ONE, "bob": NOON}, "alice"),
    ],
)
def test_device_belongs_to_the_user_who_stored_its_token_last(
    owner: str | None, listed: dict[str, datetime], latest: str | None
) -> None:
    assert TokenHolders(owner, listed).latest == latest


def test_device_taken_over_by_another_user_gets_no_message_of_the_former_owner() -> None:
    phones = Phones("shared", "tablet")
    phones.push()
    phones.pushes.write("bob", ["shared"])
    phones.push(PushMessage.of("n2", DOCUMENT))
    assert phones.reached == ["shared", "tablet", "tablet"]
    assert phones.pushes.written == {"alice": ["tablet"], "bob": ["shared"]}
    phones.push(PushMessage.of("n3", DOCUMENT), user="bob")
    assert phones.reached[3:] == ["shared"]


def test_a_device_moves_before_its_new_user_is_sent_anything() -> None:
    phones = Phones("shared")
    phones.push()
    phones.pushes.write("bob", ["shared"])
    phones.push(PushMessage.of("n3", DOCUMENT), user="bob")
    assert phones.reached == ["shared", "shared"]
    phones.push(PushMessage.of("n4", DOCUMENT))
    assert phones.reached == ["shared", "shared"], "alice has no device any more"


def test_user_regains_a_device_when_their_app_stores_its_token_again() -> None:
    phones = Phones("phone")
    phones.push()
    phones.pushes.write("mallory", ["phone"])
    phones.push(PushMessage.of("n2", DOCUMENT))
    assert phones.reached == ["phone"]
    phones.pushes.write("alice", ["phone"])  # as apps do on start
    phones.push(PushMessage.of("n3", DOCUMENT))
    assert phones.reached == ["phone", "phone"]
    phones.push(PushMessage.of("m1", DOCUMENT), user="mallory")
    assert phones.reached == ["phone", "phone"]


def test_token_stored_by_two_users_before_ownership_existed_reaches_one_of_them() -> None:
    phones = Phones("shared")
    phones.pushes.write("bob", ["shared"])
    phones.push()
    phones.push(PushMessage.of("n2", DOCUMENT), user="bob")
    assert phones.reached == ["shared"]
    assert phones.pushes.written == {"alice": [], "bob": ["shared"]}


def test_device_owner_is_determined_once() -> None:
    class Counting(FakePushes):
        handed = 0

        def hand_over(self, *args: Any, **kwargs: Any) -> None:
            self.handed += 1
            super().hand_over(*args, **kwargs)

    phones = Phones()
    phones.pushes = counting = Counting()
    counting.write("alice", ["phone"])
    for n in range(3):
        phones.push(PushMessage.of(f"n{n}", DOCUMENT))
    assert counting.handed == 1


@pytest.mark.parametrize("broken", [{"kind": None}, {"kind": []}, {"connection_id": None}, {"connection_id": 1}])
def test_document_that_is_no_notification_sends_no_message(broken: dict[str, Any]) -> None:
    assert PushMessage.of("n1", {**DOCUMENT, **broken}) is None
    assert PushMessage.of("n1", {}) is None


def test_neither_tokens_nor_texts_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    phones = Phones("secret-1", "secret-2", "secret-3")
    phones.messaging.answers = {"secret-1": [Receipt(PushOutcome.GONE, "UNREGISTERED")], "secret-2": [DOWN]}
    phones.push()
    phones.push()
    seen = "".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert "push.done" in seen
    for secret in ("secret-", message().title, message().body):
        assert secret not in seen
