"""The usable parts of what Link's onSuccess says about a new item: pure.

Apps pass `institution` and `accounts` on as their SDK returns them. They only help to find a duplicate before the call
to Plaid. Malformed parts are ignored, because the user has already logged in at the bank.
"""

import re
from collections.abc import Mapping

from shared.domain.storable import text

MAX_TEXT = 512  # bytes: Firestore's limits count those, not characters
_INSTITUTION_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")

AccountHint = dict[str, str | None]


def institution_hint(given: object) -> dict[str, str | None] | None:
    """`institution_id` and `name`, each None if unusable; None if the value is not an object."""
    if not isinstance(given, Mapping):
        return None
    institution_id = _text(given.get("institution_id"))
    usable = institution_id is not None and _INSTITUTION_ID.fullmatch(institution_id)
    return {"institution_id": institution_id if usable else None, "name": _text(given.get("name"))}


def account_hints(given: object) -> list[AccountHint] | None:
    """All accounts of Link's metadata; None if the value is not a list.

    An account with an unusable name or mask gets no name, so it equals no other account.
    """
    return [_account(one) for one in given] if isinstance(given, list) else None


def _account(given: object) -> AccountHint:
    fields = given if isinstance(given, Mapping) else {}
    found = {name: _text(fields.get(name)) for name in ("id", "name", "mask", "type", "subtype")}
    is_odd = found["mask"] is None and fields.get("mask") is not None
    return found | {"name": None if is_odd else found["name"]}


def _text(value: object) -> str | None:
    """A text that Firestore and other systems can store; None for anything else."""
    return text(value, limit=MAX_TEXT) or None  # half of a surrogate pair has no bytes
