"""The bank login of `make demo` and `make dev`, chosen by DEMO_USER and DEMO_TRANSACTIONS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from emulators.countries import Country
from emulators.ports import StackError

PATIENCE = 300.0


@dataclass(frozen=True)
class BankUser:
    """A login, and the seconds to wait for its history."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    patience: float = PATIENCE

    @classmethod
    def choose(cls, given: Mapping[str, str], country: Country | None = None) -> BankUser:
        """DEMO_USER's file, DEMO_TRANSACTIONS' generated history, COUNTRY's person, or Plaid's `user_good`."""
        path, amount = given.get("DEMO_USER", ""), given.get("DEMO_TRANSACTIONS", "")
        if path and amount:
            raise StackError("Set only one of DEMO_USER and DEMO_TRANSACTIONS.")
        if amount:
            if not (amount.isascii() and amount.isdecimal()):
                raise StackError(f"DEMO_TRANSACTIONS must be a whole number, not {amount!r}.")
            password = json.dumps({"transactions": int(amount), "seed": 1})
            return cls("user_generated", password, PATIENCE + int(amount) / 50)
        if path:
            return cls("user_custom", custom_user(Path(path)))
        if country is not None and country.username is not None:
            return cls(country.username, "pass_good")
        return cls()


def custom_user(path: Path) -> str:
    """The unchanged content of a custom user's file, which Plaid validates."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise StackError(f"DEMO_USER={path} cannot be read: {reason}.") from None
    try:
        content = json.loads(text)
    except ValueError as error:
        raise StackError(f"DEMO_USER={path} is not JSON: {error}.") from None
    if not isinstance(content, dict):
        raise StackError(f"DEMO_USER={path} must hold a JSON object.")
    return text
