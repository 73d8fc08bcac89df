"""Push messages on the running stack. Messaging has no emulator; its local stand-in logs the messages."""

from __future__ import annotations

from datetime import UTC, datetime

from emulators.client import User
from tests.e2e.bank import Bank, wait_until
from tests.e2e.logs import Log

WORDS = {"title": "A title of its own", "body": "A body of its own"}


def write_notification(bank: Bank, user: User, notification_id: str) -> None:
    """Write a notification as a backend commit does."""
    told = {"kind": "needs_repair", "connection_id": "c1", "created_at": datetime.now(UTC), "read_at": None, **WORDS}
    path = f"users/{user.uid}/bank_notifications/{notification_id}"
    bank.backend.seed({path: told})


def test_a_notification_is_pushed_once_to_the_users_devices(bank: Bank, user: User) -> None:
    log, told = Log(bank), f"told-{user.uid}"
    tokens = [f"device-token-{n}-{user.uid}" for n in range(2)]
    settings = {"notification_tokens": [*tokens, 7, None]}
    bank.backend.seed({f"users/{user.uid}": settings})
    write_notification(bank, user, told)
    wait_until("the push", lambda: "push.done" in log.about(told))
    # Firestore may deliver an event twice; to the backend, a document that is created again is the same event.
    bank.backend.delete(f"users/{user.uid}/bank_notifications/{told}").raise_for_status()
    write_notification(bank, user, told)
    wait_until("the second event", lambda: "push.sent_before" in log.about(told))
    [sent] = log.about(told)["messaging.not_sent_locally"]
    ids = {"notification_id": told, "kind": "needs_repair", "connection_id": "c1"}
    assert {name: sent[name] for name in (*ids, "devices")} == {**ids, "devices": 2}
    assert bank.admin.get(f"users/{user.uid}") == settings
    for secret in (*tokens, *WORDS.values()):
        assert secret not in log.text()


def test_without_devices_nothing_is_pushed(bank: Bank, user: User) -> None:
    log, told = Log(bank), f"told-{user.uid}"
    write_notification(bank, user, told)
    wait_until("the event", lambda: "push.no_devices" in log.about(told))
    assert "messaging.not_sent_locally" not in log.about(told)
