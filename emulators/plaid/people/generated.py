"""`user_generated`: a believable history of any size, from a seed.

The password is JSON: {"transactions": 20000, "seed": 7}. Nothing is stored: row i is computed from the seed and i when
it is read, so a history of 100,000 rows costs nothing until its pages are read.
"""

from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

from emulators.plaid import wire
from emulators.plaid.bank import INITIAL_DAYS, Account, Portfolio
from emulators.plaid.errors import PlaidError
from emulators.plaid.ids import ID_SIZE, derive, letters
from emulators.plaid.merchants import EVERYDAY, INTEREST, RENT, SALARY, SUBSCRIPTIONS, Merchant
from emulators.plaid.people import defaults
from emulators.plaid.synclog import Row
from emulators.plaid.transactions import Booking

MOST = 100_000
_SHORTEST, _LONGEST = 89, 729
_PENDING = 4
_SLOT, _BARE = "@slot@", "@bare@"
_CHECKING, _SAVINGS, _CARD, _TRAVEL, _POINTS = range(5)


class Plan(NamedTuple):
    """One row before it is serialized."""

    account: int
    merchant: Merchant
    age: int
    cents: int
    number: int
    pending: bool


class GeneratedHistory:
    """Rows computed from a seed; index 0 is the newest. About three bookings a day, two years at most."""

    def __init__(self, item_id: str, seed: int, count: int, today: date, accounts: list[Account]) -> None:
        self._seed, self._count, self._today = seed, count, today.toordinal()
        self._accounts = tuple(accounts)
        self._days = min(_LONGEST, max(_SHORTEST, count // 3))
        self._ids = blake2b(f"{item_id}\0generated\0".encode(), digest_size=ID_SIZE)
        self._templates: dict[tuple[int, int], tuple[bytes, bytes]] = {}

    def __len__(self) -> int:
        return self._count

    def transaction_id(self, index: int) -> str:
        digest = self._ids.copy()
        digest.update(b"%d" % index)
        return letters(digest.digest()).decode()

    def account_id(self, index: int) -> str:
        return self._accounts[self._plan(index).account].account_id

    def account_ids(self, first: int, last: int) -> set[str]:
        return {self.account_id(index) for index in range(first, min(last, first + 1000))}

    def row(self, index: int) -> Row:
        account, merchant, age, cents, number, pending = self._plan(index)
        key = (account, id(merchant))
        if key not in self._templates:
            self._templates[key] = _template(merchant, self._accounts[account])
        template, booking = self._templates[key]
        name = booking.replace(b"{n}", b"%d" % number)
        identifier = self.transaction_id(index)
        body = template % (
            _amount(cents, number),
            _iso(self._today - age),
            _iso(self._today - age - (0 if pending else number % 3)),
            name,
            b"true" if pending else b"false",
            identifier.encode(),
        )
        return Row(identifier, self._accounts[account].account_id, body, name)

    def recent(self) -> int:
        """The number of rows in the last 30 days."""
        low, high = 0, self._count
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self._age(middle) <= INITIAL_DAYS else (low, middle)
        return low

    def _age(self, index: int) -> int:
        return index * (self._days + 1) // self._count

    def _plan(self, index: int) -> Plan:
        """Salary, rent and subscriptions on their days of the month; everyday spending between them."""
        age, before = self._age(index), self._age(index - 1) if index else -1
        noise = int.from_bytes(blake2b(b"%d:%d" % (self._seed, index), digest_size=8).digest(), "big")
        noise, number = divmod(noise, 9000)
        number += 1000
        pending = index < min(_PENDING, self._count // 20)
        if age != before and not pending:
            for skipped in range(before + 1, age + 1):
                if fixed := _fixed(self._today - skipped):
                    return Plan(fixed[0], fixed[1], skipped, fixed[1].low, number, False)
        noise, choice = divmod(noise, 1000)
        merchant = EVERYDAY[choice % len(EVERYDAY)]
        cents = merchant.low + noise % (merchant.high - merchant.low + 1)
        account = _CARD if choice < 550 else _CHECKING if choice < 960 else _TRAVEL if choice < 990 else _POINTS
        return Plan(account, merchant, age, cents, number, pending)


def _amount(cents: int, number: int) -> bytes:
    """An amount with two decimals; one in fifty has six."""
    whole, rest = divmod(abs(cents), 100)
    sign, more = b"-" if cents < 0 else b"", b"%04d" % number if number % 50 == 7 else b""
    return b"%s%d.%02d%s" % (sign, whole, rest, more)


@lru_cache(maxsize=4096)
def _iso(ordinal: int) -> bytes:
    return date.fromordinal(ordinal).isoformat().encode()


@lru_cache(maxsize=4096)
def _fixed(ordinal: int) -> tuple[int, Merchant] | None:
    """The account and merchant of the monthly booking on this day."""
    day = date.fromordinal(ordinal)
    if day.day in {1, 15}:
        return _CHECKING, SALARY
    if day.day == 2:
        return _CHECKING, RENT
    if (day + timedelta(days=1)).day == 1:
        return _SAVINGS, INTEREST
    subscription = SUBSCRIPTIONS.get(day.day)
    return (_CARD, subscription) if subscription else None


def _template(merchant: Merchant, account: Account) -> tuple[bytes, bytes]:
    """The JSON of a row with a `%b` for each slot, in order, and the JSON of its name."""
    transaction = Booking(
        _SLOT,
        account.account_id,
        0,
        _SLOT,
        _SLOT,
        authorized=_SLOT,
        currency=account.currency,
        unofficial_currency=account.unofficial_currency,
        merchant=merchant,
    ).as_object()
    text = wire.dumps({**transaction, "amount": _BARE, "name": _BARE, "pending": _BARE}).replace(b"%", b"%%")
    text = text.replace(f'"{_BARE}"'.encode(), b"%b").replace(_SLOT.encode(), b"%b")
    return text, wire.dumps(merchant.booking)


def open_bank(password: str, item_id: str, today: date) -> Portfolio:
    """Raises INVALID_CREDENTIALS for a password that is not {"transactions": n, "seed": s}."""
    count, seed = _read(password)
    accounts = _accounts(item_id)
    history = GeneratedHistory(item_id, seed, count, today, accounts)
    return Portfolio(accounts, history, history.recent())


def _read(password: str) -> tuple[int, int]:
    try:
        wish: Any = wire.loads(password)
        count, seed = int(wish["transactions"]), int(wish.get("seed", 1))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise PlaidError("INVALID_CREDENTIALS", 'the password must be JSON: {"transactions": n, "seed": s}') from None
    if not 0 <= count <= MOST:
        raise PlaidError("INVALID_CREDENTIALS", f"transactions must lie between 0 and {MOST}")
    return count, seed


def _accounts(item_id: str) -> list[Account]:
    def account(mask: str, name: str, kind: str, subtype: str, current: str, **more: Any) -> Account:
        numbers = defaults.default_numbers(mask) if kind == "depository" else {}
        identifier = derive(item_id, "account", mask)
        owners = [defaults.default_owner()]
        return Account(
            identifier, name, kind, subtype, Decimal(current), mask=mask, owners=owners, numbers=numbers, **more
        )

    return [
        account("1001", "Everyday Checking", "depository", "checking", "4821.37", available=Decimal("4610.02")),
        account("1002", "Rainy Day Savings", "depository", "savings", "15250", available=Decimal(15250)),
        account("2001", "Rewards Card", "credit", "credit card", "1289.44", limit=Decimal(8000)),
        account("3001", "Travel Account", "depository", "checking", "812.50", currency="EUR"),
        account(
            "4001", "Points Wallet", "depository", "prepaid", "0.0412345", currency=None, unofficial_currency="BTC"
        ),
    ]
