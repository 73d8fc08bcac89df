"""The balances of accounts and their history on the fake store; the contract tests keep them equal to the real ones."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.domain.account import Account, BalancesSource, StoredAccount
from shared.domain.balance_history import BalanceMonth, Booking, MonthChange, document_id

if TYPE_CHECKING:
    from shared.ports import UpdateBalances
    from tests.fakes import Calls


class FakeBalances:
    """The part of the fake store that knows balances."""

    calls: Calls
    rows: dict[str, dict[str, dict[str, Any]]]
    account_rows: dict[str, dict[str, Account]]

    def __init__(self) -> None:
        self.balance_rows: dict[str, dict[str, dict[str, Any]]] = {}  # by connection, by document
        self.balances_read: dict[tuple[str, str], tuple[datetime, BalancesSource]] = {}

    def bookings(self, connection_id: str, account_id: str) -> list[Booking]:
        def call() -> list[Booking]:
            return [
                Booking(row["date"], row["amount"], row["iso_currency_code"] or row["unofficial_currency_code"])
                for row in self.rows.get(connection_id, {}).values()
                if row["account_id"] == account_id and not row["pending"]
            ]

        return self.calls.around("store.bookings", call)  # type: ignore[no-any-return]

    def balance_months(self, connection_id: str, account_id: str) -> list[BalanceMonth]:
        def call() -> list[BalanceMonth]:
            found = [
                row for row in self.balance_rows.get(connection_id, {}).values() if row["account_id"] == account_id
            ]
            return [
                BalanceMonth(
                    account_id=account_id,
                    month=row["month"],
                    currency=row["currency"],
                    days={**row["days"]},
                    derived={**row.get("derived", {})},
                )
                for row in found
            ]

        return self.calls.around("store.balance_months", call)  # type: ignore[no-any-return]

    def stored_accounts(self, connection_id: str) -> list[StoredAccount]:
        def call() -> list[StoredAccount]:
            found = list(self.account_rows.get(connection_id, {}).values())
            return [self._stored(connection_id, account) for account in found]

        return self.calls.around("store.stored_accounts", call)  # type: ignore[no-any-return]

    def _stored(self, connection_id: str, account: Account) -> StoredAccount:
        at, source = self.balances_read.get((connection_id, account["account_id"]), (None, None))
        owner = {"connection_id": connection_id, "app_user_id": self._owner(connection_id)}
        fields: Any = {**account, **owner, "updated_at": at, "balances_at": at, "balances_source": source}
        stored: StoredAccount = fields
        return stored

    def _owner(self, connection_id: str) -> str:
        raise NotImplementedError

    def put_balances(self, connection_id: str, app_user_id: str, change: MonthChange) -> None:
        rows = self.balance_rows.setdefault(connection_id, {})
        name = document_id(change.account_id, change.month)
        before = rows.get(name, {"days": {}, "derived": {}})
        derived = {day: True for day in before["derived"] if day not in change.days}
        if change.is_derived:
            derived |= dict.fromkeys(change.days, True)
        rows[name] = {
            "connection_id": connection_id,
            "app_user_id": app_user_id,
            "account_id": change.account_id,
            "month": change.month,
            "currency": change.currency,
            "days": {**before["days"], **change.days},
            "derived": derived,
        }

    def delete_balances(self, connection_id: str, account_id: str, months: tuple[str, ...]) -> None:
        for month in months:
            self.balance_rows.get(connection_id, {}).pop(document_id(account_id, month), None)

    def update_balances(self, connection_id: str, write: UpdateBalances) -> None:
        accounts = self.account_rows[connection_id]
        accounts[write.account_id] = {**accounts[write.account_id], "balances": write.balances}
        self.balances_read[connection_id, write.account_id] = (write.at, write.source)
