"""A linked bank, its removal, and what is left of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from emulators.client import User, sign_up
from tests.e2e.bank import Bank, TimedOut, generated, wait_until
from tests.e2e.traces import traces_of
from tests.firestore_rest import Json

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


@dataclass
class Linked:
    """A connection and its item at the simulator."""

    bank: Bank
    user: User
    connection_id: str
    item_id: str

    @classmethod
    def new(cls, bank: Bank, *, rows: int = 40) -> Linked:
        user = sign_up(bank.http, bank.stack.ports)
        made = bank.connect(user, **generated(rows))["connection_id"]
        return cls(bank, user, made, (bank.admin.get(f"bank_connections/{made}") or {})["item_id"])

    def remove(self) -> None:
        answer = self.bank.rest("DELETE", f"connections/{self.connection_id}", self.user)
        assert (answer.status_code, answer.json()) == (202, {})

    def left(self) -> list[str]:
        return traces_of(self.bank, self.user, [self.connection_id])

    def state_at_plaid(self) -> str:
        return str(self.bank.control("GET", f"items/{self.item_id}")["state"])

    def webhook(self, code: str, kind: str = "ITEM", **more: object) -> None:
        self.bank.control("POST", f"items/{self.item_id}/webhook", webhook_type=kind, webhook_code=code, **more)

    def wait_until_nothing_is_left(self) -> None:
        """Wait for the removal; if the task used up its deliveries on a busy machine, the scheduler finds it."""
        try:
            wait_until("nothing is left", lambda: self.left() == [], within=45, shown=self.left)
        except TimedOut:
            self.bank.backend.update(f"bank_removals/{self.connection_id}", {"due_at": LONG_AGO}).raise_for_status()
            self.bank.run_schedule()
            wait_until("nothing is left", lambda: self.left() == [], shown=self.left)

    def tombstone(self) -> Json | None:
        return self.bank.admin.get(f"bank_removals/{self.connection_id}")
