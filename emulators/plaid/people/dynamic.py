"""`user_transactions_dynamic`: a checking account and a credit card whose transactions change at every refresh.

Source: plaid.com/docs/sandbox/test-credentials: a refresh makes new pending transactions, posts all pending ones,
and adds 1.00 to the amount of an existing one.
"""

from datetime import date, timedelta
from decimal import Decimal

from emulators.plaid import wire
from emulators.plaid.bank import Account, Portfolio, portfolio
from emulators.plaid.bydate import day_of
from emulators.plaid.ids import derive
from emulators.plaid.merchants import EVERYDAY, SALARY
from emulators.plaid.people import defaults
from emulators.plaid.synclog import Row, SyncLog
from emulators.plaid.transactions import Booking

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
        if row and day_of(row.body) <= str(today):
            post(log, row)
            posted.append(transaction_id)
    return posted


def post(log: SyncLog, row: Row, day: date | None = None, *, linked: bool = True) -> str:
    """Replaces a pending transaction by a posted one with a new id; returns that id."""
    transaction, posted_id = wire.loads(row.body), derive(row.transaction_id, "posted")
    transaction["pending_transaction_id"] = row.transaction_id if linked else None
    transaction["transaction_id"] = posted_id
    transaction["pending"] = False
    transaction["authorized_date"] = transaction["authorized_date"] or transaction["date"]
    if day:
        transaction["date"] = str(day)
    log.remove(row.transaction_id)
    log.put(row._replace(transaction_id=posted_id, body=wire.dumps(transaction)))
    return posted_id


def dearer(row: Row) -> Row:
    """The row with 1.00 added to its amount, if that is a number: tests can give a row fields of any type."""
    transaction = wire.loads(row.body)
    if isinstance(transaction["amount"], int | Decimal):
        transaction["amount"] += 1
    return row._replace(body=wire.dumps(transaction))


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
