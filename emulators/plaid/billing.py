"""What Plaid bills for an Item.

Source: plaid.com/docs/account/billing. A subscription is billed for every calendar month (UTC) in which it exists, also
while the Item is in an error, until the Item is removed or revoked. It is added once per Item: when the Item is created
with the product, or by the first call. Auth and Identity are billed once. Requests to live data are billed per call.
Statements are billed by their number: those that are available when the Item gets the product, and at every refresh
those of the requested period, also if they were extracted before.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from emulators.plaid.wire import words

PARTS = {
    "identity_match": "identity",
    "identity_refresh": "identity",
    "investments_refresh": "investments",
    "investments_transactions": "investments",
    "recurring_transactions": "transactions",
    "statements_refresh": "statements",
    "transactions_refresh": "transactions",
}
SUBSCRIPTIONS = words("investments investments_transactions liabilities recurring_transactions transactions")
ONCE = words("auth identity")
PER_CALL = words("balance identity_match identity_refresh investments_auth investments_refresh transactions_refresh")
_OF_ENDPOINTS = {
    "/accounts/balance/get": "balance",
    "/identity/match": "identity_match",
    "/identity/refresh": "identity_refresh",
    "/investments/auth/get": "investments_auth",
    "/investments/refresh": "investments_refresh",
    "/investments/transactions/get": "investments_transactions",
    "/statements/refresh": "statements_refresh",
    "/transactions/recurring/get": "recurring_transactions",
    "/transactions/refresh": "transactions_refresh",
}


def part_of(product: str) -> str:
    """The product that an Item has: Recurring Transactions, for example, is a part of Transactions."""
    return PARTS.get(product, product)


def used_by(path: str, product: str) -> str:
    """What exactly an endpoint of a product uses, for example only its refresh."""
    return _OF_ENDPOINTS.get(path, product)


@dataclass
class Bill:
    """`since`: the first day of each subscription. `until`: the day on which all of them ended.

    `calls`: the number of calls, or of the statements that they asked for.
    """

    since: dict[str, str] = field(default_factory=dict)
    once: list[str] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    until: str | None = None

    def add(self, product: str, today: date) -> None:
        """Bills a product that the Item uses, if it is not billed per call."""
        if product in SUBSCRIPTIONS:
            self.since.setdefault(product, str(today))
        elif product in ONCE and product not in self.once:
            self.once.append(product)

    def add_call(self, path: str) -> None:
        """Bills a successful call, if its endpoint is billed per call."""
        product = used_by(path, "")
        if product in PER_CALL:
            self.add_units(product, 1)

    def add_units(self, product: str, number: int) -> None:
        if number:
            self.calls[product] = self.calls.get(product, 0) + number

    def end(self, today: date) -> None:
        self.until = self.until or str(today)

    def units(self, today: date) -> dict[str, int]:
        """How often each product was billed until today: months of a subscription, calls, or once."""
        last = date.fromisoformat(self.until) if self.until else today
        months = {product: _months(date.fromisoformat(first), last) for product, first in self.since.items()}
        return dict(Counter(months) + Counter(self.once) + Counter(self.calls))


def _months(first: date, last: date) -> int:
    """The number of calendar months that a period touches."""
    return (last.year - first.year) * 12 + last.month - first.month + 1
