"""Finds the transactions of a replaced connection among those of the new one: pure.

Accounts match by their persistent ids, else by institution, name, mask and subtype. Two accounts of one connection
that are equal in all of these match none. An account without a mask matches only if both connections have exactly the
same accounts, as for duplicates (shared/domain/overlap.py).

Rows of matched accounts match if amount, currency and name are equal and their dates at most three days apart, one to
one, the nearest first. Rows that compete for each other at the same distance are paired only if there is nothing to
choose: as many old rows as new ones, and equal notes on all old ones. Otherwise these old rows have no partner.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from shared.domain.account import Account
from shared.domain.overlap import Holding, have_equal_accounts

MAX_DAYS = 3


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """The compared fields of a stored transaction.

    Attributes:
        currency: The ISO currency code, or else the unofficial one.
        note: What the user wrote on it (`user`); None if nothing.
    """

    transaction_id: str
    account_id: str
    date: str
    amount: str
    currency: str | None
    name: str
    note: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "HistoryRow":
        """Creates it from a stored row; a note whose values are all empty counts as none."""
        note = fields.get("user") or {}
        return cls(
            transaction_id=fields["transaction_id"],
            account_id=fields["account_id"],
            date=fields["date"],
            amount=fields["amount"],
            currency=fields.get("iso_currency_code") or fields.get("unofficial_currency_code"),
            name=fields["name"],
            note=note if any(note.values()) else None,
        )


@dataclass(frozen=True, slots=True)
class Placement:
    """An old row that has a note, and the new row that gets it; None if there is none."""

    row: HistoryRow
    partner: HistoryRow | None


def match_accounts(old: Holding, new: Holding) -> dict[str, str]:
    """Maps account ids of the old connection to those of the new one."""
    found = _matched(old.accounts, new.accounts, _persistent_id)
    if old.institution_id is None or old.institution_id != new.institution_id:
        return found
    left = [one for one in old.accounts if one["account_id"] not in found]
    free = [one for one in new.accounts if one["account_id"] not in found.values()]
    whole = have_equal_accounts(old.accounts, new.accounts)
    return found | _matched(left, free, lambda one: _label(one) if whole or one["mask"] else None)


def place_notes(
    old: Iterable[HistoryRow], new: Iterable[HistoryRow], accounts: Mapping[str, str]
) -> list[list[Placement]]:
    """Finds the new row of every old row with a note.

    Args:
        old: All rows of the old connection: those without a note can be partners, too.
        new: All rows of the new connection.
        accounts: The new account by old account, from `match_accounts`.

    Returns:
        The placements in groups. The partners of a group depend on no row outside it, so a group that is moved in one
        commit leaves all others as they were.
    """
    ours, theirs = _by_content(old, accounts), _by_content(new, None)
    placed: list[list[Placement]] = []
    for content, rows in ours.items():
        for olds, news in _clusters(rows, theirs.get(content, [])):
            if any(row.note is not None for row in olds):
                pairs = _pairs(olds, news)
                placed.append([Placement(r, pairs.get(r.transaction_id)) for r in olds if r.note is not None])
    return placed


def _matched(old: Iterable[Account], new: Iterable[Account], key: Any) -> dict[str, str]:
    """Pairs accounts whose key is unique in both lists."""
    ours, theirs = _unique(old, key), _unique(new, key)
    return {ours[name]: theirs[name] for name in ours.keys() & theirs.keys()}


def _unique(accounts: Iterable[Account], key: Any) -> dict[Hashable, str]:
    named = [(name, one["account_id"]) for one in accounts if (name := key(one)) is not None]
    times = Counter(name for name, _ in named)
    return {name: account_id for name, account_id in named if times[name] == 1}


def _persistent_id(account: Account) -> str | None:
    return account["persistent_account_id"] or None


def _label(account: Account) -> tuple[str, str | None, str | None] | None:
    return (account["name"], account["mask"] or None, account["subtype"]) if account["name"] else None


def _by_content(rows: Iterable[HistoryRow], accounts: Mapping[str, str] | None) -> dict[Hashable, list[HistoryRow]]:
    """The rows by everything that must be equal; a row of an account without a match is equal to no other."""
    found: dict[Hashable, list[HistoryRow]] = defaultdict(list)
    for row in rows:
        account = row.account_id if accounts is None else accounts.get(row.account_id)
        content = (account, _amount(row.amount), row.currency, " ".join(row.name.casefold().split()))
        found[content if account is not None else ("unmatched", row.transaction_id)].append(row)
    return found


def _amount(text: str) -> Decimal | str:
    try:
        return Decimal(text).normalize()
    except InvalidOperation:
        return text


def _clusters(
    old: Sequence[HistoryRow], new: Sequence[HistoryRow]
) -> Iterator[tuple[list[HistoryRow], list[HistoryRow]]]:
    """Splits rows where more than three days lie between two of them, since no pair can cross such a gap."""
    ordered = sorted([(_day(row), False, row) for row in old] + [(_day(row), True, row) for row in new], key=_first_two)
    olds: list[HistoryRow] = []
    news: list[HistoryRow] = []
    last: int | None = None
    for day, is_new, row in ordered:
        if last is not None and day - last > MAX_DAYS:
            yield olds, news
            olds, news = [], []
        (news if is_new else olds).append(row)
        last = day
    yield olds, news


def _pairs(old: Sequence[HistoryRow], new: Sequence[HistoryRow]) -> dict[str, HistoryRow]:
    """Pairs the rows of one cluster, the nearest dates first."""
    pairs: dict[str, HistoryRow] = {}
    ours, theirs = _by_day(old), _by_day(new)
    for distance in range(MAX_DAYS + 1):
        for olds, news in _competing(ours, theirs, distance):
            if len(olds) == len(news) and all(row.note == olds[0].note for row in olds):
                pairs |= {a.transaction_id: b for a, b in zip(olds, news, strict=True)}
    return pairs


def _competing(
    ours: dict[int, list[HistoryRow]], theirs: dict[int, list[HistoryRow]], distance: int
) -> Iterator[tuple[list[HistoryRow], list[HistoryRow]]]:
    """Takes out all rows with a partner at this distance, in sets that compete with no row of another set."""
    for start in sorted(ours):
        if start not in ours:
            continue  # taken out together with an earlier day
        olds, news = {start}, set[int]()
        while found := {day + step for day in olds for step in (-distance, distance)} & theirs.keys() - news:
            news |= found
            olds |= {day + step for day in news for step in (-distance, distance)} & ours.keys()
        if news:
            yield _taken(ours, olds), _taken(theirs, news)


def _taken(by_day: dict[int, list[HistoryRow]], days: Iterable[int]) -> list[HistoryRow]:
    return [row for day in sorted(days) for row in by_day.pop(day)]


def _by_day(rows: Iterable[HistoryRow]) -> dict[int, list[HistoryRow]]:
    found: dict[int, list[HistoryRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.transaction_id):
        found[_day(row)].append(row)
    return dict(found)


def _day(row: HistoryRow) -> int:
    return date.fromisoformat(row.date).toordinal()


def _first_two(one: tuple[int, bool, HistoryRow]) -> tuple[int, bool]:
    return one[0], one[1]
