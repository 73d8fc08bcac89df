"""The holdings and investment transactions of a custom user, in Plaid's response format.

Sources: plaid.com/docs/sandbox/user-custom and plaid.com/docs/api/products/investments. A ticker of the form `CUR:USD`
is money and not a share; one in the format of the Options Clearing Corporation (`F241108C00005000`) is an option.
"""

import re
from datetime import date
from decimal import Decimal
from typing import Any

from emulators.plaid import wire
from emulators.plaid.bank import Account
from emulators.plaid.ids import derive
from emulators.plaid.people.reading import (
    UNOFFICIAL_CURRENCIES,
    Json,
    currencies,
    day,
    list_of,
    mapping,
    number,
    one_of,
    text,
)

TYPES = ("buy", "sell", "cancel", "cash", "fee", "transfer")
_SUBTYPE = {"cancel": "adjustment", "cash": "deposit", "fee": "account fee"}
_OPTION = re.compile(r"([A-Z]{1,6})(\d{6})([CP])(\d{8})")
_IDENTITY = ("ticker_symbol", "name", "isin", "cusip", "sedol", "currency")
_NOTHING = wire.words(
    "cfi_code close_price_as_of figi fixed_income industry institution_id institution_security_id option_contract "
    "sector market_identifier_code proxy_security_id subtype update_datetime"
)


def attach(account: Account, override: Json, item_id: str) -> None:
    for written in list_of(override.get("holdings")):
        account.holdings.append(holding(written, account))
    for place, written in enumerate(list_of(override.get("investment_transactions"))):
        identifier = derive(item_id, "investment", account.account_id, place)
        account.investment_transactions.append(transaction(written, account, identifier))


def holding(written: Json, account: Account) -> Json:
    """One entry of `holdings` with its security, as `{"holding", "security"}`."""
    price, quantity = number(written.get("institution_price")) or 0, number(written.get("quantity")) or 0
    value = number(written.get("institution_value"))
    held = _security(written.get("security"), account, price)
    iso, unofficial = _currencies(written, account)
    return {
        "security": held,
        "holding": {
            "account_id": account.account_id,
            "security_id": held["security_id"],
            "cost_basis": number(written.get("cost_basis")),
            "institution_price": price,
            "institution_price_as_of": day(written.get("institution_price_as_of")),
            "institution_price_datetime": None,
            "institution_value": price * quantity if value is None else value,
            "quantity": quantity,
            "iso_currency_code": iso,
            "unofficial_currency_code": unofficial,
            "vested_quantity": number(written.get("vested_quantity")),
            "vested_value": number(written.get("vested_value")),
        },
    }


def transaction(written: Json, account: Account, identifier: str) -> Json:
    """One entry of `investment_transactions` with its security, as `{"transaction", "security"}`."""
    price, quantity = number(written.get("price")) or 0, number(written.get("quantity")) or 0
    kind = one_of(written.get("type"), TYPES, "transfer") or "transfer"
    amount = number(written.get("amount"))
    traded = _security(written.get("security"), account) if written.get("security") else None
    iso, unofficial = _currencies(written, account)
    return {
        "security": traded,
        "transaction": {
            "account_id": account.account_id,
            "investment_transaction_id": identifier,
            "security_id": traded and traded["security_id"],
            "amount": _amount(kind, price * quantity) if amount is None else amount,
            "cancel_transaction_id": None,
            "date": day(written.get("date")) or "2026-01-01",
            "transaction_datetime": None,
            "fees": number(written.get("fees")),
            "name": text(written.get("name")) or kind,
            "price": price,
            "quantity": quantity,
            "subtype": _SUBTYPE.get(kind, kind),
            "type": kind,
            "iso_currency_code": iso,
            "unofficial_currency_code": unofficial,
        },
    }


def _amount(kind: str, value: Decimal | int) -> Decimal | int:
    """The value with Plaid's sign: positive when cash is debited, negative when it is credited."""
    wrong = value > 0 if kind == "sell" else kind == "buy" and value < 0
    return -value if wrong else value


def _currencies(written: Json, account: Account) -> tuple[str | None, str | None]:
    return currencies(written.get("currency"), (account.currency, account.unofficial_currency))


def _security(written: Any, account: Account, price: Any = None) -> Json:
    data = mapping(written)
    ticker = text(data.get("ticker_symbol"))
    key = "|".join(str(data.get(part)) for part in _IDENTITY)
    iso, unofficial = _currencies(data, account)
    option, close = _option(ticker or ""), number(data.get("close_price"))
    kind = text(data.get("type")) or ("derivative" if option else _type_of(ticker or ""))
    return {
        **dict.fromkeys(_NOTHING),
        "security_id": derive("security", key),
        "ticker_symbol": ticker,
        "name": text(data.get("name")) or ticker or "Unnamed security",
        "isin": text(data.get("isin")),
        "cusip": text(data.get("cusip")),
        "sedol": text(data.get("sedol")),
        "close_price": price if close is None else close,
        "is_cash_equivalent": kind == "cash",
        "iso_currency_code": iso,
        "unofficial_currency_code": unofficial,
        "type": kind,
        "option_contract": option,
    }


def _type_of(ticker: str) -> str:
    kind, _, code = ticker.partition(":")
    if kind != "CUR":
        return "equity"
    return "cryptocurrency" if code in UNOFFICIAL_CURRENCIES else "cash"


def _option(ticker: str) -> Json | None:
    found = _OPTION.fullmatch(ticker)
    if not found:
        return None
    underlying, expires, kind, strike = found.groups()
    try:
        expiration = date.fromisoformat(f"20{expires}")
    except ValueError:
        return None
    return {
        "contract_type": "call" if kind == "C" else "put",
        "expiration_date": str(expiration),
        "strike_price": Decimal(strike) / 1000,
        "underlying_security_ticker": underlying,
    }
