"""A notification reaches the user's devices, once."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from shared.domain.errors import Unavailable
from shared.domain.push import MAX_BODY, MAX_TITLE, Fate, PushMessage, Receipt, usable_tokens
from shared.usecases.send_push import LONGEST_WAIT_SECONDS, WAITS, send_push
from tests.fakes import FakeClock, FakeMessaging, FakePushes

DOCUMENT = {
    "notification_id": "elsewhere",
    "kind": "needs_repair",
    "connection_id": "c1",
    "title": "A Bank needs you",
    "body": "Log in again",
    "created_at": "whenever",
    "read_at": None,
}
DOWN = Receipt(Fate.LATER, "UNAVAILABLE")


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

    def tell(self, told: PushMessage | None = None) -> None:
        send_push(
            told or message(),
            app_user_id="alice",
            pushes=self.pushes,
            messaging=self.messaging,
            clock=FakeClock(),
            sleep=self.slept.append,
        )

    @property
    def reached(self) -> list[str]:
        return [token for token, _ in self.messaging.sent]


def test_every_device_is_told() -> None:
    phones = Phones("phone", "tablet")
    phones.tell()
    assert phones.reached == ["phone", "tablet"]
    assert {told for _, told in phones.messaging.sent} == {message()}


def test_a_trigger_that_is_delivered_twice_tells_once() -> None:
    phones = Phones("phone")
    phones.tell()
    phones.tell()
    assert phones.reached == ["phone"]
    phones.tell(PushMessage.of("n2", DOCUMENT))
    assert phones.reached == ["phone", "phone"]


@pytest.mark.parametrize("written", [None, [], "phone", 7, {"a": 1}, [None, 7, "", ["x"], "x" * 5000]])
def test_a_user_without_devices_is_told_nothing(written: object) -> None:
    phones = Phones()
    phones.pushes.written["alice"] = written
    phones.tell()
    assert phones.messaging.tries == []
    assert phones.pushes.claims == set(), "a device that comes before the trigger is delivered again is told"


def test_what_apps_write_is_bounded_and_the_newest_devices_are_kept() -> None:
    assert usable_tokens(["a", "b", "a", None, "b"]) == ("a", "b")
    assert usable_tokens([f"t{n}" for n in range(30)]) == tuple(f"t{n}" for n in range(10, 30))


def test_only_tokens_that_are_gone_are_dropped() -> None:
    phones = Phones("gone", "phone", "refused", "down")
    phones.messaging.answers = {
        "gone": [Receipt(Fate.GONE, "UNREGISTERED")],
        "refused": [Receipt(Fate.REFUSED, "PERMISSION_DENIED")],
        "down": [DOWN],
    }
    phones.tell()
    assert phones.pushes.written["alice"] == ["phone", "refused", "down"]
    assert phones.reached == ["phone"]


def test_while_messaging_is_down_only_those_it_did_not_reach_are_tried_again() -> None:
    phones = Phones("phone", "tablet")
    phones.messaging.answers["tablet"] = [DOWN, DOWN, Receipt(Fate.SENT)]
    phones.tell()
    assert phones.messaging.tries == [("phone", "tablet"), ("tablet",), ("tablet",)]
    assert phones.reached == ["phone", "tablet"]
    assert phones.slept == list(WAITS[:2])


def test_a_token_found_gone_at_a_later_try_is_dropped_too() -> None:
    phones = Phones("phone")
    phones.messaging.answers["phone"] = [DOWN, Receipt(Fate.GONE, "UNREGISTERED")]
    phones.tell()
    assert phones.pushes.written["alice"] == []


def test_tries_are_bounded_and_a_push_that_did_not_get_through_is_recorded(
    caplog: pytest.LogCaptureFixture,
) -> None:
    phones = Phones("phone")
    phones.messaging.answers["phone"] = [DOWN]
    phones.tell()
    assert len(phones.messaging.tries) == len(WAITS) + 1
    assert phones.slept == list(WAITS)
    failed = next(record for record in caplog.records if record.getMessage() == "push.not_delivered")
    assert vars(failed)["fields"]["error_codes"] == ["UNAVAILABLE"]
    assert phones.pushes.written["alice"] == ["phone"]


def test_as_long_as_messaging_asks_for_is_waited_but_not_for_ever() -> None:
    phones = Phones("phone")
    phones.messaging.answers["phone"] = [
        Receipt(Fate.LATER, "RESOURCE_EXHAUSTED", LONGEST_WAIT_SECONDS),
        Receipt(Fate.LATER, "RESOURCE_EXHAUSTED", LONGEST_WAIT_SECONDS + 1),
    ]
    phones.tell()
    assert phones.slept == [LONGEST_WAIT_SECONDS]
    assert len(phones.messaging.tries) == 2


def test_a_store_that_fails_after_the_push_makes_no_second_one() -> None:
    class Failing(FakePushes):
        def drop_tokens(self, app_user_id: str, tokens: object) -> None:
            raise Unavailable("down", code="store_unavailable")

    phones = Phones()
    phones.pushes = Failing()
    phones.pushes.written["alice"] = ["gone", "phone"]
    phones.messaging.answers["gone"] = [Receipt(Fate.GONE, "UNREGISTERED")]
    phones.tell()
    phones.tell()
    assert phones.reached == ["phone"]


def test_a_message_holds_ids_beside_its_text_and_fits() -> None:
    long = message(title="ä" * 1000, body="€" * 9000)
    assert long.data == {"notification_id": "n1", "kind": "needs_repair", "connection_id": "c1"}
    assert (len(long.title), len(long.body)) == (MAX_TITLE, MAX_BODY)
    assert long.body.endswith("…")
    widest = message(title="😀" * 1000, body="😀" * 9000)
    assert sum(len(part.encode()) for part in (widest.title, widest.body, str(widest.data))) < 4096
    assert message().title == "A Bank needs you"
    assert message().title not in repr(message())
    assert message().body not in repr(message())


@pytest.mark.parametrize("broken", [{"title": None}, {"title": 7}, {"body": None}, {"kind": []}, {"connection_id": 1}])
def test_a_document_that_is_no_notification_is_no_message(broken: dict[str, Any]) -> None:
    assert PushMessage.of("n1", {**DOCUMENT, **broken}) is None
    assert PushMessage.of("n1", {}) is None


def test_neither_tokens_nor_words_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    phones = Phones("secret-1", "secret-2", "secret-3")
    phones.messaging.answers = {"secret-1": [Receipt(Fate.GONE, "UNREGISTERED")], "secret-2": [DOWN]}
    phones.tell()
    phones.tell()
    seen = "".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert "push.done" in seen
    for secret in ("secret-", message().title, message().body):
        assert secret not in seen
