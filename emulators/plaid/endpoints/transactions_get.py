"""Transactions by date. Source: plaid.com/docs/api/products/transactions/#transactionsget."""

from datetime import date

from emulators.plaid import wire
from emulators.plaid.bydate import NO_DATE
from emulators.plaid.endpoints.calls import Call, Json, endpoint
from emulators.plaid.endpoints.transactions import as_sent, transactions_item
from emulators.plaid.errors import PlaidError
from emulators.plaid.items import Readiness

_DEFAULT_COUNT = 100


@endpoint("/transactions/get")
def get(call: Call) -> Json:
    start, end = period(call)
    item = transactions_item(call)
    accounts = item.chosen_accounts(call.options)
    if item.readiness is Readiness.NOT_READY:
        raise PlaidError("PRODUCT_NOT_READY")
    wanted = {account.account_id for account in accounts}
    found = [
        dated
        for dated in item.log.newest_first()
        if dated.account_id in wanted and (start <= dated.day <= end or dated.day == NO_DATE)
    ]
    first = int(call.options.get("offset", 0))
    page = found[first : first + int(call.options.get("count", _DEFAULT_COUNT))]
    return {
        "accounts": [account.as_object() for account in accounts],
        "item": item.as_object(),
        "total_transactions": len(found),
        "transactions": wire.array(as_sent(call, item.log.row_at(dated.place)) for dated in page),
    }


def period(call: Call) -> tuple[str, str]:
    """`start_date` and `end_date` of the request. Raises INVALID_FIELD if they are in the wrong order."""
    start, end = str(call.fields["start_date"]), str(call.fields["end_date"])
    if date.fromisoformat(start) > date.fromisoformat(end):
        raise PlaidError("INVALID_FIELD", "start_date must not be after end_date")
    return start, end
