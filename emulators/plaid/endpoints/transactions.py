"""Transactions. Source: plaid.com/docs/api/products/transactions."""

from emulators.plaid import wire
from emulators.plaid.endpoints.calls import Call, Json, endpoint
from emulators.plaid.extraction import check_ready
from emulators.plaid.items import Item, Readiness
from emulators.plaid.people import dynamic
from emulators.plaid.product_data import RECURRING
from emulators.plaid.recurring import find_streams
from emulators.plaid.synclog import Cursor, Row
from emulators.plaid.transactions import in_version_one, with_original_description

_DEFAULT_COUNT = 100
NOW = "now"


@endpoint("/transactions/sync")
def sync(call: Call) -> Json:
    item = transactions_item(call)
    item.sync_called = True
    account_id = call.options.get("account_id")
    if account_id is not None:
        item.account(account_id)
    cursor = _read_cursor(call, item, account_id)
    covered = any(account.has_transactions for account in item.accounts)
    if item.readiness is Readiness.NOT_READY or not covered:
        return _nothing(item.readiness)
    page = item.log.page(cursor, int(call.fields.get("count", _DEFAULT_COUNT)), account_id)
    return {
        "transactions_update_status": item.readiness,
        "accounts": _accounts_in_scope(item, account_id),
        "added": wire.array(as_sent(call, row) for row in page.added),
        "modified": wire.array(as_sent(call, row) for row in page.modified),
        "removed": [
            {"transaction_id": change.transaction_id, "account_id": change.account_id} for change in page.removed
        ],
        "next_cursor": call.world.cursors.write(page.cursor, item.item_id, account_id),
        "has_more": page.has_more,
    }


def transactions_item(call: Call) -> Item:
    """The Item, whose history starts to load. `days_requested` counts only if this call adds Transactions to it."""
    initialised = "transactions" in call.item().products
    item = call.healthy_item("transactions")
    if not initialised and "days_requested" in call.options:
        item.request_days(int(call.options["days_requested"]))
    call.world.begin_extraction(item)
    return item


def _read_cursor(call: Call, item: Item, account_id: str | None) -> Cursor:
    text = call.fields.get("cursor", "")
    if text == NOW:
        return Cursor(len(item.log), len(item.log), len(item.log))
    return call.world.cursors.read(text, item.item_id, account_id) if text else Cursor(0, 0, 0)


def _nothing(readiness: Readiness) -> Json:
    """The answer without data (NOT_READY, or no account that Transactions covers): an empty cursor, no error."""
    return {
        "transactions_update_status": readiness,
        "accounts": [],
        "added": [],
        "modified": [],
        "removed": [],
        "next_cursor": "",
        "has_more": False,
    }


def _accounts_in_scope(item: Item, account_id: str | None) -> list[Json]:
    """Lists only accounts with transactions, so it is not a complete list."""
    seen = item.log.account_ids()
    return [
        account.as_object()
        for account in item.accounts
        if account.account_id in seen and account_id in {None, account.account_id} and account.has_transactions
    ]


def as_sent(call: Call, row: Row) -> bytes:
    """The row in the form that the request's options ask for."""
    body = with_original_description(row) if call.options.get("include_original_description") else row.body
    return in_version_one(body) if call.options.get("personal_finance_category_version") == "v1" else body


@endpoint("/transactions/refresh")
def refresh(call: Call) -> Json:
    item = call.healthy_item("transactions")
    call.world.begin_extraction(item)
    if item.readiness is Readiness.NOT_READY:  # the extraction that is under way will bring the newest data
        return {}
    before, today = len(item.log), call.world.clock.today()
    if item.portfolio.dynamic:
        accounts = [account.account_id for account in item.accounts if account.has_transactions]
        removed = dynamic.refresh(item.log, item.item_id, accounts, today)
    else:
        removed = dynamic.post_due(item.log, item.portfolio.pending, today)
    item.last_update = call.world.clock.now()
    call.world.announce_changes(item, before, removed)
    return {}


@endpoint("/transactions/recurring/get")
def recurring(call: Call) -> Json:
    item = call.healthy_item("transactions")
    call.world.begin_extraction(item)
    accounts = item.chosen_accounts({"account_ids": call.fields.get("account_ids")})
    check_ready(call.world, item, RECURRING)
    item.other.recurring_read = True
    wanted = set() if RECURRING in item.other.hollow else {account.account_id for account in accounts}
    version = call.options.get("personal_finance_category_version") or "v2"
    return find_streams(item, wanted, call.world.clock.now(), version)
