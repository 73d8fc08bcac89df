"""How the data of an Item's other products behaves: when it is ready, how it is sent, what was not announced yet.

Everything here is plain JSON, so a state file keeps it as it is. The data itself is in the accounts (`bank.py`);
recurring streams follow from the transactions (`recurring.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

HOLDINGS, INVESTMENT_TRANSACTIONS, LIABILITIES, RECURRING = KINDS = (
    "holdings",
    "investment_transactions",
    "liabilities",
    "recurring",
)
PRODUCT_OF = {
    HOLDINGS: "investments",
    INVESTMENT_TRANSACTIONS: "investments",
    LIABILITIES: "liabilities",
    RECURRING: "transactions",
}
KIND_OF = {
    "/investments/holdings/get": HOLDINGS,
    "/investments/transactions/get": INVESTMENT_TRANSACTIONS,
    "/liabilities/get": LIABILITIES,
    "/transactions/recurring/get": RECURRING,
}


@dataclass
class Unannounced:
    """The changes since the last webhook of each kind."""

    new_holdings: int = 0
    updated_holdings: int = 0
    new_investment_transactions: int = 0
    cancelled_investment_transactions: int = 0
    new_liabilities: list[str] = field(default_factory=list)
    updated_liabilities: dict[str, list[str]] = field(default_factory=dict)
    recurring_accounts: list[str] = field(default_factory=list)

    def new_liability(self, account_id: str) -> None:
        if account_id not in self.new_liabilities:
            self.new_liabilities.append(account_id)

    def updated_liability(self, account_id: str, fields: Iterable[str]) -> None:
        if account_id not in self.new_liabilities:
            known = self.updated_liabilities.setdefault(account_id, [])
            known += [name for name in fields if name not in known]

    def recurring(self, account_id: str) -> None:
        if account_id not in self.recurring_accounts:
            self.recurring_accounts.append(account_id)


@dataclass
class ProductData:
    """The behaviour of one Item's other products. The keys of the mappings are `KINDS`.

    `not_ready`: the time (ISO 8601) at which the data is ready, None while a test withholds it. `slow_first_call`: the
    seconds that the first call takes. `hollow`: kinds whose answers are empty although there is data.
    `between_pages`: transactions, in the format of a custom user, of which one arrives after each page that is not
    the last. `stream_changes`: what tests changed in a recurring stream, None if they removed it. `series`: the
    bookings that arrive with the clock (`series.py`). `balances_updated`: when cached balances were read.
    `recurring_read`: the streams were read once, which is what arms their webhook.
    """

    not_ready: dict[str, str | None] = field(default_factory=dict)
    slow_first_call: dict[str, float] = field(default_factory=dict)
    hollow: list[str] = field(default_factory=list)
    wrong_sign_on_sells: bool = False
    async_extraction: bool = False
    between_pages: list[Json] = field(default_factory=list)
    stream_changes: dict[str, Json | None] = field(default_factory=dict)
    series: list[Json] = field(default_factory=list)
    recurring_read: bool = False
    balances_updated: str | None = None
    investments_updated: str | None = None
    added: int = 0
    unannounced: Unannounced = field(default_factory=Unannounced)

    def take_first_call(self, path: str) -> float:
        """The seconds that this call takes: its share of a slow extraction, once."""
        return float(self.slow_first_call.pop(KIND_OF.get(path, ""), 0))

    def next_number(self) -> int:
        """A number that is used once, for the identifiers of added data."""
        self.added += 1
        return self.added


def from_json(saved: Json) -> ProductData:
    """Reads what a state file keeps; files of older versions have no or fewer fields."""
    return ProductData(**{**saved, "unannounced": Unannounced(**saved.get("unannounced", {}))})
