"""Writes the web app's TypeScript types from the models: documents as clients read them, inputs of the functions.

`python -m web.generate_types` writes web/src/bank/types.generated.ts; with `--check` it ends with 1 if that file is not
what the models say.
"""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict, Union, get_args, get_origin, get_type_hints, is_typeddict

from pydantic import BaseModel

from functions import (
    create_link_token,
    exchange_public_token,
    reconnect_connection,
    refresh_balances,
    remove_connection,
    sync_connection,
)
from shared.domain.account import Account, BalancesSource
from shared.domain.balance_history import BalanceMonth
from shared.domain.connection import BankConnection
from shared.domain.history_move import ArchivedTransaction
from shared.domain.institution import InstitutionInfo
from shared.domain.notification import Notification
from shared.domain.products.holdings import Holding
from shared.domain.products.investment_transactions import InvestmentTransaction
from shared.domain.products.liabilities import Liability
from shared.domain.products.product_progress import ProductProgress
from shared.domain.products.recurring import RecurringStream
from shared.domain.progress import SyncProgress
from shared.domain.transaction import Transaction
from shared.serving.http import StrictInput

TARGET = Path(__file__).parent / "src" / "bank" / "types.generated.ts"
HEADER = """// Written by `make types` from shared/domain and functions; `make check` fails when it is stale.
import type { Timestamp } from "firebase/firestore";
"""


class StreamNotes(TypedDict):
    """What a user may write on a recurring stream."""

    muted: bool
    name: str
    category: str


OWNER = {"connection_id": str, "app_user_id": str}
WRITTEN_BESIDE: dict[type, dict[str, Any]] = {
    # Fields that the adapters add to those of the model.
    Account: {
        **OWNER,
        "updated_at": datetime,
        "balances_at": datetime,
        "balances_source": BalancesSource,
    },
    Transaction: OWNER,
    ArchivedTransaction: OWNER,
    BalanceMonth: OWNER,
    RecurringStream: {
        **OWNER,
        "amount_before": str,
        "amount_changed_at": datetime,
        "moved_at": datetime,
        "user": StreamNotes,
    },
    Liability: {**OWNER, "updated_at": datetime},
    Holding: OWNER,
    InvestmentTransaction: OWNER,
}
NOT_STORED: dict[type, set[str]] = {
    # The first two are stored where no client can read them; `announced` is only for the daily check.
    BankConnection: {"access_token", "cursor", "announced"},
    InstitutionInfo: {"next_try_at"},  # only for the daily refresh
    Notification: {"notification_id"},  # equals the document's name
}
ABSENT_AT_FIRST: dict[type, set[str]] = {
    Notification: {"read_at"},
    BankConnection: {"history_late", "replaces", "history_moved"},  # missing in documents of earlier releases
    Account: {"balances_at", "balances_source"},  # missing in documents of earlier releases
    BalanceMonth: {"derived"},
    RecurringStream: {"amount_before", "amount_changed_at", "moved_at", "user"},
    StreamNotes: {"muted", "name", "category"},
}
DOCUMENTS = (
    BankConnection,
    Account,
    Transaction,
    ArchivedTransaction,
    SyncProgress,
    InstitutionInfo,
    Notification,
    BalanceMonth,
    ProductProgress,
    RecurringStream,
    Liability,
    Holding,
    InvestmentTransaction,
)
FUNCTIONS = (
    create_link_token,
    exchange_public_token,
    sync_connection,
    reconnect_connection,
    refresh_balances,
    remove_connection,
)
SIMPLE: dict[Any, str] = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    datetime: "Timestamp",
    type(None): "null",
    Any: "unknown",
}


class Writer:
    """Collects declarations, including those of types that other types refer to."""

    def __init__(self) -> None:
        self._declared: dict[str, tuple[type, str]] = {}

    def text(self) -> str:
        return "\n".join([HEADER, *(text for _, text in self._declared.values())])

    def declare(self, what: type, *, name: str | None = None) -> str:
        """The name under which a class is declared.

        Raises:
            ValueError: Two classes want the same name.
        """
        name = name or what.__name__
        if name not in self._declared:
            self._declared[name] = (what, "")  # reserves its place before the types it refers to
            self._declared[name] = (what, self._declaration(what, name))
        if self._declared[name][0] is not what:
            raise ValueError(f"two models are called {name}")
        return name

    def _declaration(self, what: type, name: str) -> str:
        if issubclass(what, StrEnum):
            return f"export type {name} = {' | '.join(json.dumps(one.value) for one in what)};\n"
        lines = "".join(
            f"  {field}{'?' if optional else ''}: {self._written(hint)};\n"
            for field, hint, optional in self._fields(what)
        )
        return f"{self._comment(what)}export interface {name} {{\n{lines}}}\n"

    @staticmethod
    def _comment(what: type) -> str:
        first = (what.__doc__ or "").strip().split("\n\n")[0]
        return f"/** {' '.join(first.split())} */\n" if first else ""

    @staticmethod
    def _fields(what: type) -> Iterator[tuple[str, Any, bool]]:
        """Name, type, and whether the field is optional: in inputs, fields with a default are."""
        if is_typeddict(what):
            hints = get_type_hints(what) | WRITTEN_BESIDE.get(what, {})
            absent_at_first = ABSENT_AT_FIRST.get(what, ())
            yield from ((field, hint, field in absent_at_first) for field, hint in hints.items())
        elif issubclass(what, BaseModel):
            sent = issubclass(what, StrictInput)
            for field, info in what.model_fields.items():
                if field not in NOT_STORED.get(what, ()):
                    absent = field in ABSENT_AT_FIRST.get(what, ())
                    yield field, info.annotation, absent or (sent and not info.is_required())

    def _written(self, hint: Any) -> str:
        origin, inner = get_origin(hint), get_args(hint)
        if hint in SIMPLE:
            return SIMPLE[hint]
        if origin is Annotated:
            return self._written(inner[0])
        if origin is Literal:
            return " | ".join(json.dumps(one) for one in inner)
        if origin in (Union, types.UnionType):
            return " | ".join(map(self._written, inner))
        if origin in (list, tuple):
            item = self._written(inner[0])
            return f"({item})[]" if " | " in item else f"{item}[]"
        if origin in (dict, Mapping):
            return f"Record<string, {self._written(inner[1])}>"
        return self.declare(hint)


def generate() -> str:
    """Returns the content of the generated file."""
    writer = Writer()
    for model in DOCUMENTS:
        writer.declare(model)
    for module in FUNCTIONS:
        name = module.__name__.rsplit(".", 1)[-1]
        writer.declare(module.Input, name="".join(map(str.capitalize, name.split("_"))) + "Input")
    return writer.text()


def main(arguments: list[str], say: Callable[[str], object]) -> int:
    """Writes the file, or with `--check` compares it with the existing one."""
    text = generate()
    if "--check" not in arguments:
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    say("web/src/bank/types.generated.ts is stale: run `make types`.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stderr.write))
