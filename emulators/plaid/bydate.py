"""The transactions of a change log by date, for /transactions/get.

Source: plaid.com/docs/api/products/transactions/#transactionsget (newest first; the order is stable).
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from emulators.plaid.synclog import Row

_DATE = re.compile(rb'"date":"(\d{4}-\d\d-\d\d)"')
NO_DATE = "9999-12-31"


class Dated(NamedTuple):
    """A current transaction. Rows without a valid date, which only a control call makes, come first: `NO_DATE`."""

    day: str
    account_id: str
    place: int


class ByDate:
    """The sorted list. It is built again only if the log has grown, because paging reads it many times."""

    def __init__(self) -> None:
        self._length = 0
        self._dated: list[Dated] = []

    def read(self, length: int, placed: "Iterable[tuple[int, int, Row]]") -> list[Dated]:
        """The list for a log of this length; `placed` has each row's first and current place."""
        if length != self._length:
            rows = sorted(((first, Dated(day_of(row.body), row.account_id, place)) for first, place, row in placed))
            self._dated = sorted((dated for _, dated in rows), key=lambda dated: dated.day, reverse=True)
            self._length = length
        return self._dated


def day_of(body: bytes) -> str:
    """The date in a serialized transaction, found without parsing all of it."""
    found = _DATE.search(body)
    return found[1].decode() if found else NO_DATE
