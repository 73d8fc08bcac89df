"""Maps the responses of /investments/holdings/get and /investments/transactions/get.

Fields: https://plaid.com/docs/api/products/investments/
"""

from collections.abc import Mapping
from typing import Any

from shared.adapters.plaid import transaction_mapping, values
from shared.adapters.plaid.product_rows import Fields, Rows, as_rows
from shared.adapters.plaid.values import Oddities, Unusable
from shared.domain import storable
from shared.domain.products import holdings as positions
from shared.domain.products import investment_transactions as trades
from shared.domain.products.holdings import Holding
from shared.domain.products.investment_transactions import InvestmentPage, InvestmentTransaction
from shared.domain.products.kinds import ProductKind
from shared.domain.products.securities import Security
from shared.domain.products.snapshot import Snapshot

_CASH = "cash"
_MONEY = "CUR:"  # before a currency code, in the ticker of money
_OTHER = "other"


def holdings(answer: Mapping[str, Any]) -> Snapshot:
    """All positions.

    Raises:
        KeyError, Unusable: The response has no list of holdings.
    """
    found = Rows[Holding]()
    securities = _securities(answer.get("securities"), found.odd)
    accounts = tuple(transaction_mapping.accounts(answer.get("accounts"), found.odd))
    found.read(answer["holdings"], lambda fields: _holding(fields, securities), id_of=_holding_id)
    # Of a position in lots, of which one is unreadable, the sum is unknown.
    rows = tuple(row for row in positions.rows_of(found.made) if row.row_id not in found.unreadable)
    return Snapshot(
        kind=ProductKind.HOLDINGS,
        rows=rows,
        accounts=accounts,
        request_id=_request_id(answer),
        unreadable=frozenset(found.unreadable),
        nameless=found.nameless,
        oddities=+found.odd,
    )


def transactions(answer: Mapping[str, Any]) -> InvestmentPage:
    """One page of transactions.

    Raises:
        KeyError, Unusable: The response has no list of transactions, or no total.
    """
    found = Rows[InvestmentTransaction]()
    securities = _securities(answer.get("securities"), found.odd)
    accounts = tuple(transaction_mapping.accounts(answer.get("accounts"), found.odd))
    given, total = answer["investment_transactions"], answer["total_investment_transactions"]
    if type(total) is not int or total < 0:
        raise Unusable("the total is not a count", field="total_investment_transactions")
    found.read(given, lambda fields: _transaction(fields, securities), id_of=_transaction_id)
    rows = as_rows(found, trades.row_of)
    return InvestmentPage(
        rows=rows,
        size=len(given),
        total=total,
        accounts=accounts,
        request_id=_request_id(answer),
        unreadable=frozenset(found.unreadable),
        nameless=found.nameless,
        oddities=+found.odd,
    )


def _request_id(answer: Mapping[str, Any]) -> str | None:
    return storable.text(answer.get("request_id"), limit=values.SHORT_TEXT)


def _holding_id(row: Mapping[str, Any]) -> Any:
    parts = row.get("account_id"), row.get("security_id")
    return positions.row_id(*map(str, parts)) if all(isinstance(part, str) and part for part in parts) else None


def _transaction_id(row: Mapping[str, Any]) -> Any:
    return row.get("investment_transaction_id")


def _holding(fields: Fields, securities: Mapping[str, Fields]) -> Holding:
    account_id, security_id = fields.id("account_id"), fields.id("security_id")
    if not storable.is_document_id(positions.row_id(account_id, security_id)):
        raise Unusable("the ids are too long for a document", field="security_id")
    security, currency = securities.get(security_id, Fields({}, fields.odd)), fields.currency()
    fields.odd["security_id"] += security_id not in securities
    return {
        "account_id": account_id,
        "quantity": fields.required_number("quantity"),
        "institution_price": fields.number("institution_price"),
        "institution_price_as_of": fields.day("institution_price_as_of"),
        "institution_value": fields.number("institution_value"),
        "cost_basis": fields.number("cost_basis"),
        "currency": currency,
        "is_cash": _is_cash(security, currency),
        "security": _security(security_id, security),
    }


def _transaction(fields: Fields, securities: Mapping[str, Fields]) -> InvestmentTransaction:
    quantity, kind = fields.number("quantity"), fields.word("type", default=_OTHER)
    security_id = fields.given.get("security_id")
    is_known = isinstance(security_id, str) and security_id in securities
    fields.odd["security_id"] += security_id is not None and not is_known
    return {
        "investment_transaction_id": fields.id("investment_transaction_id"),
        "account_id": fields.id("account_id"),
        "date": fields.required_day("date"),
        "name": fields.text("name") or "",
        "type": kind,
        "subtype": fields.text("subtype"),
        "quantity": quantity,
        "units": trades.signed_units(kind, quantity),
        "price": fields.number("price"),
        "fees": fields.number("fees"),
        "amount": fields.required_number("amount"),
        "currency": fields.currency(),
        "security": _security(str(security_id), securities[str(security_id)]) if is_known else None,
    }


def _securities(given: object, odd: Oddities) -> dict[str, Fields]:
    """The securities by id; those without a usable id are counted."""
    found: dict[str, Fields] = {}
    for one in given if isinstance(given, list) else ():
        security_id = one.get("security_id") if isinstance(one, Mapping) else None
        if storable.is_document_id(security_id):
            found[str(security_id)] = Fields(one, odd)
        else:
            odd["securities"] += 1
    return found


def _security(security_id: str, fields: Fields) -> Security:
    return {
        "security_id": security_id,
        "ticker": fields.text("ticker_symbol"),
        "name": fields.text("name"),
        "type": fields.word("type", default=_OTHER),
        "close_price": fields.number("close_price"),
        "close_price_as_of": fields.day("close_price_as_of"),
        "isin": fields.text("isin"),
    }


def _is_cash(security: Fields, currency: str | None) -> bool:
    """Whether it is money or as good as money. Banks that give no type still write the currency as the ticker."""
    kind, ticker = security.given.get("type"), security.given.get("ticker_symbol")
    unclassified = kind is None and currency is not None and ticker == f"{_MONEY}{currency}"
    return security.given.get("is_cash_equivalent") is True or kind == _CASH or unclassified
