"""Plaid's rate limits, which are off by default.

Source: plaid.com/docs/errors/rate-limit-exceeded: calls per minute, per Item and per client. Calls that are refused or
fail count too.
"""

from collections import defaultdict, deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from emulators.plaid.errors import PlaidError

_WINDOW = timedelta(minutes=1)


@dataclass(frozen=True)
class Limit:
    """Calls per minute, per Item and per client (None: no limit), and the code of the error."""

    production: tuple[int | None, int | None]
    sandbox: tuple[int | None, int | None]
    code: str
    client_code: str | None = None


LIMITS: dict[str, Limit] = {
    "/accounts/get": Limit((15, 15000), (100, 5000), "ACCOUNTS_LIMIT"),
    "/accounts/balance/get": Limit((5, 1200), (25, 100), "BALANCE_LIMIT", "ACCOUNTS_BALANCE_GET_LIMIT"),
    "/auth/get": Limit((15, 12000), (100, 500), "AUTH_LIMIT"),
    "/identity/get": Limit((15, 2000), (100, 1000), "IDENTITY_LIMIT"),
    "/institutions/get": Limit((None, 50), (None, 10), "INSTITUTIONS_GET_LIMIT"),
    "/institutions/get_by_id": Limit((None, 400), (None, 400), "INSTITUTIONS_GET_BY_ID_LIMIT"),
    "/investments/holdings/get": Limit((15, 2000), (100, 1000), "INVESTMENT_HOLDINGS_GET_LIMIT"),
    "/investments/transactions/get": Limit((30, 20000), (100, 1000), "INVESTMENT_TRANSACTIONS_LIMIT"),
    "/item/get": Limit((15, 5000), (40, 5000), "ITEM_GET_LIMIT"),
    "/item/remove": Limit((30, 2000), (100, 500), "RATE_LIMIT"),
    "/liabilities/get": Limit((15, 1000), (10, 1000), "RATE_LIMIT"),
    "/transactions/get": Limit((30, 20000), (80, 1000), "TRANSACTIONS_LIMIT"),
    "/transactions/sync": Limit((50, 2500), (50, 1000), "TRANSACTIONS_SYNC_LIMIT"),
    "/transactions/refresh": Limit((2, 100), (2, 100), "TRANSACTIONS_REFRESH_LIMIT"),
    "/transactions/recurring/get": Limit((20, 1000), (20, 1000), "RATE_LIMIT"),
    "/sandbox/transactions/create": Limit((2, 50), (2, 50), "RATE_LIMIT"),
}


class Limits:
    """Counts the calls of the last minute."""

    def __init__(self) -> None:
        self._calls: defaultdict[tuple[str, str], deque[datetime]] = defaultdict(deque)

    def forget(self) -> None:
        self._calls.clear()

    def count(self, environment: str | None, path: str, client_id: str, item_id: str | None, now: datetime) -> None:
        """Counts a call, and raises if it exceeds the limits of this environment (None: no limits)."""
        limit = LIMITS.get(path)
        if environment is None or limit is None:
            return
        per_item, per_client = limit.production if environment == "production" else limit.sandbox
        over_item = item_id is not None and per_item is not None and self._over(path, item_id, per_item, now)
        over_client = per_client is not None and self._over(path, client_id, per_client, now)
        if over_item or over_client:
            raise PlaidError(limit.code if over_item else limit.client_code or limit.code)

    def _over(self, path: str, who: str, most: int, now: datetime) -> bool:
        calls = self._calls[path, who]
        while calls and calls[0] <= now - _WINDOW:
            calls.popleft()
        calls.append(now)
        return len(calls) > most
