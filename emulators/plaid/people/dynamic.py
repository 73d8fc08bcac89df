"""`user_transactions_dynamic`: a checking account and a credit card whose transactions change at every refresh.

Source: plaid.com/docs/sandbox/test-credentials: a refresh makes new pending transactions, posts all pending ones,
and adds 1.00 to the amount of an existing one.
"""

from datetime import date, timedelta
from decimal import Decimal

from emulators.plaid import wire
from emulators.plaid.bank import Account, Portfolio, portfolio
from emulators.plaid.ids import derive
from emulators.plaid.merchants import EVERYDAY, SALARY
from emulators.plaid.people import defaults
from emulators.plaid.synclog import Row, SyncLog
from emulators.plaid.transactions import Booking, to_row

_COUNT, _PENDING, _NEW = 50, 4, 2


def open_bank(username: str, item_id: str, today: date) -> Portfolio:
    accounts = [
        Account(
            derive(item_id, "account", mask),
            name,
            kind,
            subtype,
            current=Decimal(current),
            available=available,
            limit=limit,
            mask=mask,
            owners=[defaults.default_owner()],
            numbers=defaults.default_numbers(mask) if kind == "depository" else {},
        )
        for mask, name, kind, subtype, current, available, limit in (
            ("1100", "Plaid Checking", "depository", "checking", "1100", Decimal(1000), None),
            ("3300", "Plaid Credit Card", "credit", "credit card", "600", None, Decimal(2000)),
        )
    ]
    bookings = [
        _booking(
            item_id, username, i, accounts[i % 2].account_id, today - timedelta(days=i * 29 // _COUNT), i < _PENDING
        )
        for i in range(_COUNT)
    ]
    opened = portfolio(accounts, bookings, today)
    opened.dynamic = True
    return opened


def refresh(log: SyncLog, item_id: str, account_ids: list[str], today: date) -> list[str]:
    """Changes the transactions as a refresh of this user does; returns the removed ids."""
    rows = list(log.current())
    pending = [row for row in rows if b'"pending":true' in row.body]
    posted = [row for row in rows if b'"pending":false' in row.body]
    for row in pending:
        post(log, row, today)
    if posted:
        log.put(dearer(posted[len(log) % len(posted)]))
    for i in range(_NEW if account_ids else 0):
        number = len(log)
        log.put(_booking(item_id, "refresh", number, account_ids[i % len(account_ids)], today, pending=True).as_row())
    return [row.transaction_id for row in pending]


def post_due(log: SyncLog, pending: list[str], today: date) -> list[str]:
    """Posts a static user's pending transactions whose date is reached; returns the removed ids."""
    posted = []
    for transaction_id in pending:
        row = log.get(transaction_id)
        if row and wire.loads(row.body)["date"] <= str(today):
            post(log, row)
            posted.append(transaction_id)
    return posted


def post(log: SyncLog, row: Row, day: date | None = None, *, linked: bool = True) -> str:
    """Replaces a pending transaction by a posted one with a new id; returns that id."""
    transaction = wire.loads(row.body)
    transaction["pending_transaction_id"] = row.transaction_id if linked else None
    transaction["transaction_id"] = derive(row.transaction_id, "posted")
    transaction["pending"] = False
    transaction["authorized_date"] = transaction["authorized_date"] or transaction["date"]
    transaction["date"] = str(day or transaction["date"])
    log.remove(row.transaction_id)
    log.put(to_row(transaction, wire.loads(row.original_description)))
    return str(transaction["transaction_id"])


def dearer(row: Row) -> Row:
    """The row with 1.00 added to its amount."""
    transaction = wire.loads(row.body)
    transaction["amount"] += 1
    return to_row(transaction, wire.loads(row.original_description))


def _booking(item_id: str, salt: str, number: int, account_id: str, day: date, pending: bool) -> Booking:
    merchant = SALARY if number % 17 == 9 and not pending else EVERYDAY[number % (len(EVERYDAY) - 2)]
    cents = merchant.low + number * 7919 % (merchant.high - merchant.low + 1)
    return Booking(
        derive(item_id, "transaction", salt, number),
        account_id,
        Decimal(cents) / 100,
        day,
        merchant.booking.replace("{n}", str(1000 + number)),
        authorized=day,
        pending=pending,
        merchant=merchant,
    )
