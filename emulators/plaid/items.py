"""An Item: one login at one bank as Plaid stores it, and its behaviour in each state.

Source: plaid.com/docs/api/items. States: healthy; in error (such as `login_required`: data endpoints return the
error, endpoints that repair or remove the Item still work); revoked by its user; removed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from emulators.plaid.bank import Account, Portfolio, select_accounts
from emulators.plaid.billing import Bill
from emulators.plaid.clock import iso
from emulators.plaid.consent import Consent, scopes_of
from emulators.plaid.errors import PlaidError, item_error
from emulators.plaid.institutions import Institution
from emulators.plaid.people import Login, open_bank
from emulators.plaid.product_data import ProductData
from emulators.plaid.settings import US
from emulators.plaid.synclog import Row, SyncLog

Json = dict[str, Any]


class Readiness(StrEnum):
    """`transactions_update_status`. Source: plaid.com/docs/api/products/transactions/#transactionssync."""

    NOT_READY = "NOT_READY"
    INITIAL = "INITIAL_UPDATE_COMPLETE"
    HISTORICAL = "HISTORICAL_UPDATE_COMPLETE"


@dataclass
class Item:
    """The state of one Item.

    `shared`: the accounts that the user chose in Link, None for all of them. `logins` counts the repairs.
    `history_stops_at`: the bank delivers no more history than that. `used_since`: the first use of each product.
    `statement_periods`: the first and last posting dates of the extracted statements. `known_owners`: the owners as of
    the last extraction, by account. `imported_as`: the user id of /item/import. `activities`, `accessed`: activity.py.
    `left_out`: accounts that the user deselected in Link and did not share since. `other`: how the data of the other
    products behaves. `team`: the owner of the keys that made the Item.
    """

    item_id: str
    institution: Institution
    products: list[str]
    created_at: datetime
    portfolio: Portfolio
    log: SyncLog
    webhook: str | None = None
    login: Login = field(default_factory=Login)
    shared: list[str] | None = None
    user_id: str | None = None
    client_user_id: str | None = None
    access_token: str | None = None
    readiness: Readiness = Readiness.NOT_READY
    history_stops_at: Readiness | None = None
    extraction_began: bool = False
    sync_called: bool = False
    error: str | None = None
    error_reason: str | None = None
    removed: bool = False
    revoked: bool = False
    consent_expires: datetime | None = None
    last_update: datetime | None = None
    last_failed_update: datetime | None = None
    last_webhook: tuple[datetime, str] | None = None
    hidden_accounts: list[Account] = field(default_factory=list)
    hidden_rows: list[Row] = field(default_factory=list)
    consent: Consent = field(default_factory=Consent)
    bill: Bill = field(default_factory=Bill)
    used_since: dict[str, str] = field(default_factory=dict)
    statement_periods: list[list[str]] = field(default_factory=list)
    known_owners: dict[str, list[Json]] = field(default_factory=dict)
    imported_as: str | None = None
    activities: list[Json] = field(default_factory=list)
    accessed: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    other: ProductData = field(default_factory=ProductData)
    logins: int = 0
    team: str = US
    login_expires: datetime | None = None

    @property
    def accounts(self) -> list[Account]:
        return self.portfolio.accounts

    @property
    def state(self) -> str:
        """The Item's state in one word, for the control API."""
        if self.removed:
            return "removed"
        if self.revoked:
            return "revoked"
        return (self.error or "healthy").removeprefix("ITEM_").lower()

    def check_alive(self) -> None:
        """Raises the error of a removed or revoked Item."""
        if self.removed:
            raise PlaidError("ITEM_NOT_FOUND")
        if self.revoked:
            raise PlaidError("USER_PERMISSION_REVOKED")

    def check_healthy(self) -> None:
        """Raises the error that data endpoints return, if any."""
        self.check_alive()
        if self.error:
            raise item_error(self.error, self.error_reason)

    def account(self, account_id: str) -> Account:
        """The account of an id. Raises INVALID_ACCOUNT_ID."""
        for account in self.accounts:
            if account.account_id == account_id:
                return account
        raise PlaidError("INVALID_ACCOUNT_ID")

    def chosen_accounts(self, options: Json | None) -> list[Account]:
        """The requested accounts: all, or those of `options.account_ids` in that order."""
        wanted = (options or {}).get("account_ids")
        if not self.accounts:
            raise PlaidError("NO_ACCOUNTS")
        return self.accounts if wanted is None else [self.account(account_id) for account_id in dict.fromkeys(wanted)]

    def load_history(self, first: int, last: int) -> None:
        """Adds the rows [first, last) of the history; those of an account wait while its user does not share it."""
        self.log.reveal(first, last)
        shared = {account.account_id for account in self.accounts}
        if self.log.account_ids() <= shared:
            return
        waiting = {account.account_id for account in self.hidden_accounts}
        for row in [row for row in self.log.current() if row.account_id not in shared]:
            self.log.remove(row.transaction_id)
            if row.account_id in waiting:
                self.hidden_rows.append(row)

    def add_account(self, account: Account, rows: Iterable[Row]) -> None:
        """Adds a new account and its transactions."""
        self.accounts.append(account)
        for row in rows:
            self.log.put(row)

    def drop_account(self, account: Account) -> list[str]:
        """Removes an account and its transactions; returns their ids."""
        self.accounts.remove(account)
        dropped = [row.transaction_id for row in self.log.current() if row.account_id == account.account_id]
        for transaction_id in dropped:
            self.log.remove(transaction_id)
        return dropped

    def unshare_account(self, account: Account) -> list[str]:
        """Removes an account that the user can share again in update mode; returns the ids of its transactions."""
        rows = [row for row in self.log.current() if row.account_id == account.account_id]
        dropped = self.drop_account(account)
        self.hidden_accounts.append(account)
        self.hidden_rows += rows
        return dropped

    def share_account(self, account: Account) -> None:
        """Adds an account that was waiting for the user's choice, with its transactions."""
        rows = [row for row in self.hidden_rows if row.account_id == account.account_id]
        self.hidden_rows = [row for row in self.hidden_rows if row.account_id != account.account_id]
        self.hidden_accounts.remove(account)
        if account.account_id in self.left_out:
            self.left_out.remove(account.account_id)
            rows += self._rows_left_out(account.account_id)
        self.accounts.append(account)
        self.log.share(rows)

    def request_days(self, days: int) -> None:
        """Sets the length of a history that has not been loaded."""
        if len(self.log):
            return
        self.login = replace(self.login, days=days)
        opened = open_bank(self.login)
        if self.shared is not None:
            opened = select_accounts(opened, self.shared)
        opened.accounts[:] = self.accounts
        self.portfolio, self.log = opened, SyncLog(opened.history)

    def leave_out(self, accounts: Iterable[Account]) -> None:
        """Records the accounts that the user deselected in Link. Their transactions are read only when shared."""
        for account in accounts:
            self.hidden_accounts.append(account)
            self.left_out.append(account.account_id)

    def _rows_left_out(self, account_id: str) -> list[Row]:
        history = open_bank(self.login).history
        return [history.row(i) for i in reversed(range(len(history))) if history.account_id(i) == account_id]

    def as_object(self) -> Json:
        """The item object of most answers."""
        consented = self.consent.among(self.institution.products)
        return {
            "item_id": self.item_id,
            "institution_id": self.institution.institution_id,
            "institution_name": self.institution.name,
            "webhook": self.webhook,
            "auth_method": "INSTANT_AUTH" if "auth" in self.products else None,
            "error": item_error(self.error, self.error_reason).inside() if self.error else None,
            "available_products": [product for product in self.institution.products if product not in self.products],
            "billed_products": self.products,
            "products": self.products,
            **({} if consented is None else {"consented_products": consented}),
            "consent_expiration_time": iso(self.consent_expires) if self.consent_expires else None,
            "update_type": "background",
        }

    def with_consent(self) -> Json:
        """The item object of /item/get, which has more fields."""
        return {
            **self.as_object(),
            "created_at": iso(self.created_at),
            "consented_use_cases": [],
            "consented_data_scopes": scopes_of(self.consent.among(self.institution.products) or ()),
        }

    def status(self) -> Json:
        """`status` of /item/get."""
        sent, failed = self.last_webhook, iso(self.last_failed_update) if self.last_failed_update else None
        read = self.other.investments_updated
        investments = datetime.fromisoformat(read) if read else self.last_update

        def updates(last: datetime | None) -> Json:
            return {"last_successful_update": iso(last) if last else None, "last_failed_update": failed}

        return {
            "transactions": updates(self.last_update) if "transactions" in self.products else None,
            "investments": updates(investments) if "investments" in self.products else None,
            "last_webhook": {"sent_at": iso(sent[0]), "code_sent": sent[1]} if sent else None,
        }
