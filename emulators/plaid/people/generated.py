"""`user_generated`: a believable history of any size, from a seed.

The password is JSON: {"transactions": 20000, "seed": 7}. Nothing is stored: row i is computed from the seed and i when
it is read, so a history of 100,000 rows costs nothing until its pages are read.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

from emulators.plaid import wire
from emulators.plaid.bank import INITIAL_DAYS, Account, Portfolio
from emulators.plaid.errors import PlaidError
from emulators.plaid.ids import derive
from emulators.plaid.merchants import EVERYDAY, INTEREST, RENT, SALARY, SUBSCRIPTIONS, Merchant
from emulators.plaid.people import good
from emulators.plaid.synclog import Row
from emulators.plaid.transactions import Booking

MOST = 100_000
_YEARS_DAYS = 730
_CHECKING, _SAVINGS, _CARD, _TRAVEL, _POINTS = range(5)


class Plan(NamedTuple):
    """One row before it is written."""

    account: int
    merchant: Merchant
    age: int
    cents: int
    number: int
    pending: bool


@dataclass(frozen=True)
class GeneratedHistory:
    """Rows computed from a seed; index 0 is the newest."""

    item_id: str
    seed: int
    count: int
    today: date
    accounts: tuple[Account, ...]

    def __len__(self) -> int:
        return self.count

    @property
    def days(self) -> int:
        """How far back the history goes: about three bookings a day, two years at most."""
        return min(_YEARS_DAYS - 1, max(89, self.count // 3))

    def transaction_id(self, index: int) -> str:
        return derive(self.item_id, "transaction", index)

    def account_id(self, index: int) -> str:
        return self.accounts[self._plan(index).account].account_id

    def account_ids(self, first: int, last: int) -> set[str]:
        return {self.account_id(index) for index in range(first, min(last, first + 1000))}

    def row(self, index: int) -> Row:
        plan = self._plan(index)
        account = self.accounts[plan.account]
        name = plan.merchant.booking.replace("{n}", str(plan.number))
        identifier = self.transaction_id(index)
        authorized, day = plan.age + (plan.number % 3 if not plan.pending else 0), plan.age
        body = _template(plan.merchant, account.currency, account.unofficial_currency) % {
            b"@id@": identifier.encode(),
            b"@account@": account.account_id.encode(),
            b"@amount@": self._amount(plan),
            b"@date@": self._date(day),
            b"@authorized@": self._date(authorized),
            b"@name@": wire.dumps(name),
            b"@pending@": b"true" if plan.pending else b"false",
        }
        return Row(identifier, account.account_id, body, wire.dumps(name.upper()))

    def recent(self) -> int:
        """How many rows lie in the last 30 days."""
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self._age(middle) <= INITIAL_DAYS else (low, middle)
        return low

    def _date(self, age: int) -> bytes:
        return _iso(self.today.toordinal() - age)

    def _age(self, index: int) -> int:
        return index * (self.days + 1) // self.count

    def _plan(self, index: int) -> Plan:
        """Salary, rent and subscriptions on their days of the month; everyday spending between them."""
        noise = int.from_bytes(blake2b(b"%d:%d" % (self.seed, index), digest_size=12).digest(), "big")
        noise, number = divmod(noise, 9000)
        noise, choice = divmod(noise, 1000)
        age = self._age(index)
        pending = index < min(4, self.count // 20)
        before = self._age(index - 1) if index else -1
        if not pending and age != before:
            for skipped in range(before + 1, age + 1):
                if fixed := _fixed(self.today.toordinal() - skipped):
                    account, merchant = fixed
                    return Plan(account, merchant, skipped, merchant.low, number + 1000, pending=False)
        merchant = EVERYDAY[choice % len(EVERYDAY)]
        cents = merchant.low + noise % (merchant.high - merchant.low + 1)
        account = _CARD if choice < 550 else _CHECKING if choice < 960 else _TRAVEL if choice < 990 else _POINTS
        return Plan(account, merchant, age, cents, number + 1000, pending)

    def _amount(self, plan: Plan) -> bytes:
        whole, cents = divmod(abs(plan.cents), 100)
        more = b"%04d" % plan.number if plan.number % 50 == 7 else b""
        return b"%s%d.%02d%s" % (b"-" if plan.cents < 0 else b"", whole, cents, more)


@lru_cache(maxsize=4096)
def _iso(ordinal: int) -> bytes:
    return date.fromordinal(ordinal).isoformat().encode()


@lru_cache(maxsize=4096)
def _fixed(ordinal: int) -> tuple[int, Merchant] | None:
    day = date.fromordinal(ordinal)
    if day.day in {1, 15}:
        return _CHECKING, SALARY
    if day.day == 2:
        return _CHECKING, RENT
    if (day + timedelta(days=1)).day == 1:
        return _SAVINGS, INTEREST
    subscription = SUBSCRIPTIONS.get(day.day)
    return (_CARD, subscription) if subscription else None


@lru_cache(maxsize=512)
def _template(merchant: Merchant, currency: str | None, unofficial: str | None) -> bytes:
    """The JSON of a row of this merchant, with places for what differs from row to row."""
    finished = Booking(
        "@id@", "@account@", 987654321, "@date@", "@name@", "@authorized@", currency, unofficial, merchant=merchant
    ).as_object()
    text = wire.dumps({**finished, "pending": "@pending@", "amount": "@amount@"}).replace(b"%", b"%%")
    for text_slot in (b"@id@", b"@account@", b"@date@", b"@authorized@"):
        text = text.replace(text_slot, b"%%(%s)b" % text_slot)
    for bare_slot in (b"@name@", b"@pending@", b"@amount@"):
        text = text.replace(b'"%s"' % bare_slot, b"%%(%s)b" % bare_slot)
    return text


def open_bank(password: str, item_id: str, today: date) -> Portfolio:
    """Raises INVALID_CREDENTIALS for a password that is not {"transactions": n, "seed": s}."""
    count, seed = _read(password)
    accounts = _accounts(item_id)
    history = GeneratedHistory(item_id, seed, count, today, tuple(accounts))
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
        numbers = good.default_numbers(mask) if kind == "depository" else {}
        identifier = derive(item_id, "account", mask)
        owners = [good.default_owner()]
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
