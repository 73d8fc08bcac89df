"""Any interleaving of changes, pages, replays and restarts gives a client that follows the rules the bank's data.

The rules (plaid.com/docs/api/products/transactions/#transactionssync): buffer the pages of a loop, apply them after the
last page, and after a mutation discard the buffer and restart at the loop's first cursor.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulators.plaid import wire
from emulators.plaid.bank import WrittenHistory
from emulators.plaid.cursors import CursorFormat
from emulators.plaid.errors import PlaidError
from emulators.plaid.people import dynamic
from emulators.plaid.synclog import MUTATION, Cursor, Page, Row, SyncLog
from emulators.plaid.transactions import Booking

from .harness import Refused, Sim

DAY = date(2026, 1, 1)
PATIENT: Any = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}  # on a busy machine
FORMAT = CursorFormat(b"a secret")
Step = tuple[str, int]
CHANGES = ("add", "add_pending", "modify", "touch", "post", "remove", "restore", "reveal")
READS = ("page", "replay", "restart", "finish")
STEPS = st.lists(st.tuples(st.sampled_from(CHANGES + READS), st.integers(0, 50)), max_size=60)


def row(name: str, amount: int, *, pending: bool = False) -> Any:
    return Booking(name, "account-" + str(len(name) % 2), amount, DAY, name, pending=pending).as_row()


@dataclass
class Bank:
    """A log, and the changes that a bank can make to it."""

    log: SyncLog
    revealed: int = 0
    made: int = 0
    gone: list[Row] = field(default_factory=list)

    @classmethod
    def open(cls, size: int, *, named: bool = False, repeated: bool = False) -> Bank:
        history = WrittenHistory([row(f"old-{i}", i) for i in range(size)])
        return cls(SyncLog(history, name_unseen_removals=named, repeat_rows=repeated))

    def change(self, kind: str, number: int) -> None:
        rows = list(self.log.current())
        chosen = rows[number % len(rows)] if rows else None
        match kind:
            case "add" | "add_pending":
                self.made += 1
                self.log.put(row(f"new-{self.made}", number, pending=kind == "add_pending"))
            case "reveal":
                last = min(self.revealed + number, len(self.log.history))
                self.log.reveal(self.revealed, last)
                self.revealed = last
            case "modify" if chosen:
                self.log.put(dynamic.dearer(chosen))
            case "touch" if chosen:
                self.log.put(chosen)
            case "post" if chosen and b'"pending":true' in chosen.body:
                dynamic.post(self.log, chosen, DAY)
            case "remove" if chosen:
                self.log.remove(chosen.transaction_id)
                self.gone.append(chosen)
            case "restore" if self.gone:
                self.log.put(self.gone.pop(number % len(self.gone)))

    def truth(self) -> dict[str, bytes]:
        return {row.transaction_id: row.body for row in self.log.current()}


@dataclass
class Client:
    """Follows Plaid's rules. `store` and `cursor` are what it has saved; the rest may be lost at any time."""

    log: SyncLog
    store: dict[str, bytes] = field(default_factory=dict)
    cursor: str = ""
    buffer: list[Page] = field(default_factory=list)
    next_cursor: str | None = None

    def ask(self, text: str, count: int) -> Page:
        cursor = FORMAT.read(text, "item", None) if text else Cursor(0, 0, 0)
        return self.log.page(cursor, count)

    def read(self, count: int) -> bool:
        """Read one page; returns whether it was the loop's last."""
        try:
            page = self.ask(self.cursor if self.next_cursor is None else self.next_cursor, count)
        except PlaidError as error:
            if error.code != MUTATION:
                raise
            self.recover()
            return False
        self.buffer.append(page)
        self.next_cursor = FORMAT.write(page.cursor, "item", None)
        if not page.has_more:
            self.apply()
            return True
        return False

    def recover(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Restart the loop, as after a mutation or a crash."""
        self.buffer.clear()
        self.next_cursor = None

    def replay(self, count: int) -> None:
        """Request a page twice: the second answer equals the first."""
        text = self.cursor if self.next_cursor is None else self.next_cursor
        try:
            assert self.ask(text, count) == self.ask(text, count)
        except PlaidError as error:
            if error.code != MUTATION:
                raise

    def apply(self) -> None:
        for page in self.buffer:
            for changed in page.added + page.modified:
                self.store[changed.transaction_id] = changed.body
            for gone in page.removed:
                self.store.pop(gone.transaction_id, None)
        self.cursor = self.next_cursor or ""
        self.restart()

    def finish(self, count: int) -> None:
        for _ in range(10_000):
            if self.read(count):
                return
        pytest.fail("the loop does not end")


def play(client: Client, bank: Bank, steps: list[Step]) -> None:
    for kind, number in steps:
        if kind in CHANGES:
            bank.change(kind, number)
        elif kind == "page":
            client.read(1 + number % 7)
        elif kind == "replay":
            client.replay(1 + number % 7)
        elif kind == "restart":
            client.restart()
        else:
            client.finish(1 + number % 7)
    client.finish(3)


@settings(max_examples=250, **PATIENT)
@given(STEPS, st.integers(0, 30), st.booleans(), st.booleans())
def test_a_client_that_follows_the_rules_ends_with_the_truth(
    steps: list[Step], size: int, named: bool, repeated: bool
) -> None:
    bank = Bank.open(size, named=named, repeated=repeated)
    client = Client(bank.log)
    play(client, bank, steps)
    assert client.store == bank.truth()


@settings(max_examples=150, **PATIENT)
@given(STEPS, st.integers(0, 30))
def test_added_is_new_modified_is_known_and_nothing_is_named_twice(steps: list[Step], size: int) -> None:
    bank = Bank.open(size)

    class Strict(Client):
        def apply(self) -> None:
            added = [row.transaction_id for page in self.buffer for row in page.added]
            modified = [row.transaction_id for page in self.buffer for row in page.modified]
            removed = [change.transaction_id for page in self.buffer for change in page.removed]
            named = added + modified + removed
            assert len(named) == len(set(named))
            assert not set(added) & set(self.store)
            assert {*modified, *removed} <= set(self.store)
            super().apply()

    play(Strict(bank.log), bank, steps)


class KeepsPages(Client):
    """Breaks a rule: rows read before the mutation are kept."""

    def recover(self) -> None:
        pages = list(self.buffer)
        self.restart()
        self.buffer = pages


class RestartsFromNothing(Client):
    """Breaks a rule: after a mutation it reads everything again, without a cursor."""

    def recover(self) -> None:
        self.restart()
        self.cursor = ""


class AdvancesEarly(Client):
    """Breaks a rule: it saves the cursor of a page at once, but its rows only at the end of the loop."""

    def read(self, count: int) -> bool:
        done = super().read(count)
        if not done and self.next_cursor is not None:
            self.cursor = self.next_cursor
        return done


def mutated_loop(bank: Bank, client: Client) -> None:
    """A loop in which a row that was read is removed before the loop ends."""
    for number in range(6):
        bank.change("add", number)
    client.finish(10)
    for number in range(4):
        bank.change("add", number)
    bank.log.remove("new-1")
    client.read(2)
    bank.log.remove("new-7")
    client.finish(2)


@pytest.mark.parametrize("breaker", [KeepsPages, RestartsFromNothing])
def test_client_that_breaks_a_rule_after_a_mutation_ends_with_wrong_data(breaker: type[Client]) -> None:
    bank = Bank.open(0)
    honest = Client(bank.log)
    mutated_loop(bank, honest)
    assert honest.store == bank.truth()
    bank = Bank.open(0)
    wrong = breaker(bank.log)
    mutated_loop(bank, wrong)
    assert wrong.store != bank.truth()


def test_a_client_that_saves_cursors_before_rows_loses_rows_in_a_crash() -> None:
    bank = Bank.open(0)
    for number in range(6):
        bank.change("add", number)
    for kind in (Client, AdvancesEarly):
        client = kind(bank.log)
        client.read(2)
        client.restart()
        client.finish(2)
        assert (client.store == bank.truth()) == (kind is Client)


def test_client_that_continues_after_a_mutation_makes_no_progress() -> None:
    bank = Bank.open(0)
    for number in range(6):
        bank.change("add", number)
    client = Client(bank.log)
    page = client.ask("", 2)
    bank.change("add", 9)
    for _ in range(5):
        with pytest.raises(PlaidError, match=MUTATION):
            client.ask(FORMAT.write(page.cursor, "item", None), 2)


@settings(max_examples=8, **PATIENT)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(("add", "touch", "remove", "page", "finish")), st.integers(0, 9)), max_size=12
    )
)
def test_rules_hold_over_the_wire_too(server: Sim, steps: list[Step]) -> None:
    server.control("/reset")
    item = server.generated(12)
    store: dict[str, Any] = {}
    cursor = position = ""
    buffer: list[Any] = []
    for kind, number in [*steps, ("finish", 5)]:
        ids = [row["transaction_id"] for row in item.truth()["transactions"]]
        if kind == "add":
            item.control("transactions", add=[{"amount": number}])
        elif kind in {"touch", "remove"} and ids:
            item.control("transactions", **{kind: [ids[number % len(ids)]]})
        while kind in {"page", "finish"}:
            try:
                page = item.sync(position, count=number + 1)
            except Refused as refused:
                if refused.code != MUTATION:
                    raise
                position, buffer = cursor, []
                continue
            buffer.append(page)
            position = page["next_cursor"]
            if not page["has_more"]:
                for read in buffer:
                    store.update({row["transaction_id"]: row for row in read["added"] + read["modified"]})
                    for gone in read["removed"]:
                        store.pop(gone["transaction_id"], None)
                cursor, buffer = position, []
                break
            if kind == "page":
                break
    assert store == {row["transaction_id"]: row for row in item.truth()["transactions"]}


def test_written_numbers_are_read_back_digit_by_digit() -> None:
    for text in ("1", "1.0", "12.50", "-0.00000001", "123456789012345678901234567890.123", "1E+50"):
        assert wire.dumps(wire.loads(text)).decode() == text
