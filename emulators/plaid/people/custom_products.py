"""The data of a custom user for other products: owners, account numbers, liabilities, investments.

Sources: plaid.com/docs/sandbox/user-custom, and the answer shapes of plaid.com/docs/api/products/identity, auth,
liabilities and investments.
"""

from typing import Any

from emulators.plaid.bank import Account
from emulators.plaid.ids import derive
from emulators.plaid.people import defaults
from emulators.plaid.people.reading import Json, boolean, day, list_of, mapping, number, one_of, text, whole

_PHONE_TYPES = ("home", "work", "office", "mobile", "mobile1", "other")
_EMAIL_TYPES = ("primary", "secondary", "other")
_ADDRESS = ("city", "region", "postal_code", "country")
_PLANS = (
    "extended graduated",
    "extended standard",
    "graduated",
    "income-contingent repayment",
    "income-based repayment",
    "income-sensitive repayment",
    "interest-only",
    "other",
    "pay as you earn",
    "revised pay as you earn",
    "standard",
    "saving on a valuable education",
)
_LOAN_STATES = (
    "cancelled",
    "charged off",
    "claim",
    "consolidated",
    "deferment",
    "delinquent",
    "discharged",
    "extension",
    "forbearance",
    "in grace",
    "in military",
    "in school",
    "not fully disbursed",
    "other",
    "paid in full",
    "refunded",
    "repayment",
    "transferred",
    "pending idr",
)
_INVESTMENT_TYPES = ("buy", "sell", "cancel", "cash", "fee", "transfer")
_INVESTMENT_SUBTYPE = {"cancel": "adjustment", "cash": "deposit", "fee": "account fee"}


def attach(account: Account, override: Json, item_id: str) -> None:
    """Adds the file's data for this account in Plaid's response format."""
    account.owners = owners(override.get("identity"))
    if account.type == "depository" or override.get("numbers"):
        account.numbers = _numbers(mapping(override.get("numbers")), account.mask or "0000")
    attach_more(account, override, item_id)


def attach_more(account: Account, override: Json, item_id: str) -> None:
    """The liability and the investments."""
    if override.get("liability") is not None or account.type in {"credit", "loan"}:
        account.liability = liability(mapping(override.get("liability")), account)
    for written in list_of(override.get("holdings")):
        account.holdings.append(_holding(written, account))
    for place, written in enumerate(list_of(override.get("investment_transactions"))):
        account.investment_transactions.append(_investment_transaction(written, account, place, item_id))


def owners(identity: Any) -> list[Json]:
    """The owners in the format of /identity/get; the default owner if the file names none."""
    if not isinstance(identity, dict):
        return [defaults.default_owner()]
    names = identity.get("names")
    return [
        {
            "names": [name for name in (names if isinstance(names, list) else [names]) if isinstance(name, str)],
            "emails": [
                {
                    "data": text(email.get("data")) or "",
                    "primary": boolean(email.get("primary"), False),
                    "type": one_of(email.get("type"), _EMAIL_TYPES, "other"),
                }
                for email in list_of(identity.get("emails"))
            ],
            "phone_numbers": [
                {
                    "data": text(phone.get("data")) or "",
                    "primary": boolean(phone.get("primary"), False),
                    "type": one_of(phone.get("type"), _PHONE_TYPES, "other"),
                }
                for phone in list_of(identity.get("phone_numbers"))
            ],
            "addresses": [
                {"data": _address(address.get("data"), ""), "primary": boolean(address.get("primary"), False)}
                for address in list_of(identity.get("addresses"))
            ],
        }
    ]


def _address(written: Any, no_street: str | None) -> Json:
    data = mapping(written)
    return {"street": text(data.get("street")) or no_street, **{key: text(data.get(key)) for key in _ADDRESS}}


def _numbers(written: Json, mask: str) -> Json:
    account = text(written.get("account")) or f"111122223333{mask}"
    found: Json = {}
    if institution := text(written.get("eft_institution")):
        branch = text(written.get("eft_branch")) or "01140"
        found["eft"] = {"account": account, "institution": institution, "branch": branch}
    if sort_code := text(written.get("bacs_sort_code")):
        found["bacs"] = {"account": account, "sort_code": sort_code}
    if iban := text(written.get("international_iban")):
        found["international"] = {"iban": iban, "bic": text(written.get("international_bic")) or "HBUKGB41XXX"}
    routing, wire_routing = text(written.get("ach_routing")), text(written.get("ach_wire_routing"))
    if routing or wire_routing or not found:
        found["ach"] = {
            "account": account,
            "routing": routing or "011401533",
            "wire_routing": wire_routing or "021000021",
        }
    return found


def liability(written: Json, account: Account) -> Json:
    """The liability of a credit or loan account with all keys; missing values are null."""
    if account.type == "credit":
        return _credit(written, account)
    return _mortgage(written) if account.subtype in {"mortgage", "home equity"} else _student(written)


def _credit(written: Json, account: Account) -> Json:
    kinds = ("balance_transfer_apr", "cash_apr", "purchase_apr", "special")
    return {
        "aprs": [
            {
                "apr_percentage": rate,
                "apr_type": kind,
                "balance_subject_to_apr": None,
                "interest_charge_amount": None,
            }
            for kind in kinds
            if (rate := number(written.get(kind if kind.endswith("_apr") else f"{kind}_apr"))) is not None
        ],
        "is_overdue": boolean(written.get("is_overdue")),
        "last_payment_amount": number(written.get("last_payment_amount")),
        "last_payment_date": day(written.get("last_payment_date")),
        "last_statement_issue_date": day(written.get("last_statement_issue_date")),
        "last_statement_balance": account.current,
        "minimum_payment_amount": number(written.get("minimum_payment_amount")),
        "next_payment_due_date": day(written.get("next_payment_due_date")),
    }


def _student(written: Json) -> Json:
    status, plan = mapping(written.get("loan_status")), mapping(written.get("repayment_model"))
    forgiveness = mapping(written.get("pslf_status"))
    kind = one_of(written.get("repayment_plan_type") or plan.get("type"), _PLANS)
    return {
        "account_number": text(written.get("account_number")),
        "disbursement_dates": None,
        "expected_payoff_date": day(written.get("expected_payoff_date")),
        "guarantor": text(written.get("guarantor")),
        "interest_rate_percentage": number(written.get("nominal_apr")) or 0,
        "is_overdue": boolean(written.get("is_overdue")),
        "last_payment_amount": number(written.get("last_payment_amount")),
        "last_payment_date": day(written.get("last_payment_date")),
        "last_statement_issue_date": None,
        "loan_name": text(written.get("loan_name")),
        "loan_status": {
            "end_date": day(status.get("end_date")),
            "type": one_of(status.get("type"), _LOAN_STATES, "repayment"),
        },
        "minimum_payment_amount": number(written.get("minimum_payment_amount")),
        "next_payment_due_date": day(written.get("next_payment_due_date")),
        "origination_date": day(written.get("origination_date")),
        "origination_principal_amount": number(written.get("principal")),
        "outstanding_interest_amount": None,
        "payment_reference_number": text(written.get("payment_reference_number")),
        "pslf_status": {
            "estimated_eligibility_date": day(forgiveness.get("estimated_eligibility_date")),
            "payments_made": whole(forgiveness.get("payments_made")),
            "payments_remaining": whole(forgiveness.get("payments_remaining")),
        },
        "repayment_plan": {"description": kind and kind.title(), "type": kind},
        "sequence_number": text(written.get("sequence_number")),
        "servicer_address": _address(mapping(written.get("servicer_address")).get("data"), None),
        "ytd_interest_paid": None,
        "ytd_principal_paid": None,
    }


def _mortgage(written: Json) -> Json:
    nothing = (
        "account_number current_late_fee escrow_balance has_pmi has_prepayment_penalty last_payment_date loan_term "
        "loan_type_description maturity_date next_monthly_payment next_payment_due_date past_due_amount "
        "ytd_interest_paid ytd_principal_paid"
    )
    return {
        **dict.fromkeys(nothing.split()),
        "interest_rate": {"percentage": number(written.get("nominal_apr")), "type": "fixed"},
        "last_payment_amount": number(written.get("last_payment_amount")),
        "origination_date": day(written.get("origination_date")),
        "origination_principal_amount": number(written.get("principal")),
        "property_address": _address(written.get("property_address"), None),
    }


def _security(written: Any, account: Account, today_price: Any = None) -> Json:
    data = mapping(written)
    name = text(data.get("name")) or text(data.get("ticker_symbol")) or "Unnamed security"
    key = "|".join(str(data.get(part)) for part in ("ticker_symbol", "name", "isin", "cusip", "sedol", "currency"))
    nothing = (
        "cfi_code close_price_as_of figi fixed_income industry institution_id institution_security_id option_contract "
        "sector market_identifier_code proxy_security_id subtype unofficial_currency_code update_datetime"
    )
    return {
        **dict.fromkeys(nothing.split()),
        "security_id": derive("security", key),
        "ticker_symbol": text(data.get("ticker_symbol")),
        "name": name,
        "isin": text(data.get("isin")),
        "cusip": text(data.get("cusip")),
        "sedol": text(data.get("sedol")),
        "close_price": number(data.get("close_price")) or today_price,
        "is_cash_equivalent": False,
        "iso_currency_code": text(data.get("currency")) or account.currency,
        "type": text(data.get("type")) or "equity",
    }


def _holding(written: Json, account: Account) -> Json:
    price, quantity = number(written.get("institution_price")) or 0, number(written.get("quantity")) or 0
    value = number(written.get("institution_value"))
    security = _security(written.get("security"), account, price)
    return {
        "security": security,
        "holding": {
            "account_id": account.account_id,
            "security_id": security["security_id"],
            "cost_basis": number(written.get("cost_basis")),
            "institution_price": price,
            "institution_price_as_of": day(written.get("institution_price_as_of")),
            "institution_price_datetime": None,
            "institution_value": price * quantity if value is None else value,
            "quantity": quantity,
            "iso_currency_code": text(written.get("currency")) or account.currency,
            "unofficial_currency_code": None,
            "vested_quantity": number(written.get("vested_quantity")),
            "vested_value": number(written.get("vested_value")),
        },
    }


def _investment_transaction(written: Json, account: Account, place: int, item_id: str) -> Json:
    price, quantity = number(written.get("price")) or 0, number(written.get("quantity")) or 0
    kind = one_of(written.get("type"), _INVESTMENT_TYPES, "transfer") or "transfer"
    amount = number(written.get("amount"))
    security = _security(written.get("security"), account) if written.get("security") else None
    return {
        "security": security,
        "transaction": {
            "account_id": account.account_id,
            "investment_transaction_id": derive(item_id, "investment", account.account_id, place),
            "security_id": security and security["security_id"],
            "amount": (-1 if kind == "sell" else 1) * price * quantity if amount is None else amount,
            "cancel_transaction_id": None,
            "date": day(written.get("date")) or "2026-01-01",
            "transaction_datetime": None,
            "fees": number(written.get("fees")),
            "name": text(written.get("name")) or kind,
            "price": price,
            "quantity": quantity,
            "subtype": _INVESTMENT_SUBTYPE.get(kind, kind),
            "type": kind,
            "iso_currency_code": text(written.get("currency")) or account.currency,
            "unofficial_currency_code": None,
        },
    }
