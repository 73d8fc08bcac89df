"""Maps the response of /liabilities/get. Fields: https://plaid.com/docs/api/products/liabilities/#liabilitiesget

Account numbers, payment references, guarantors and addresses are never read.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from shared.adapters.plaid import transaction_mapping, values
from shared.adapters.plaid.product_rows import Fields, Rows, as_rows
from shared.adapters.plaid.values import Unusable
from shared.domain import storable
from shared.domain.account import Account
from shared.domain.products.kinds import ProductKind
from shared.domain.products.liabilities import Apr, Liability, LiabilityKind, row_of
from shared.domain.products.snapshot import Snapshot

MAX_APRS = 50
_KINDS: tuple[LiabilityKind, ...] = ("credit", "student", "mortgage")


def snapshot(answer: Mapping[str, Any]) -> Snapshot:
    """All liabilities; Plaid's list of a kind is null if there are none.

    Raises:
        KeyError, AttributeError, Unusable: The response has no usable lists.
    """
    found, lists = Rows[Liability](), answer["liabilities"]
    accounts = tuple(transaction_mapping.accounts(answer.get("accounts"), found.odd))
    for kind in _KINDS:
        if (given := lists.get(kind)) is not None:
            found.read(given, _reader(kind, accounts), id_of=lambda row: row.get("account_id"))
    rows = as_rows(found, row_of)
    return Snapshot(
        kind=ProductKind.LIABILITIES,
        rows=rows,
        accounts=accounts,
        request_id=storable.text(answer.get("request_id"), limit=values.SHORT_TEXT),
        unreadable=frozenset(found.unreadable),
        nameless=found.nameless,
        oddities=+found.odd,
    )


def _reader(kind: LiabilityKind, accounts: tuple[Account, ...]) -> Callable[[Fields], Liability]:
    balances = {one["account_id"]: one["balances"] for one in accounts}
    currencies = {i: b["iso_currency_code"] or b["unofficial_currency_code"] for i, b in balances.items()}

    def read(fields: Fields) -> Liability:
        account_id = fields.id("account_id")
        return _liability(fields, account_id=account_id, kind=kind, currency=currencies.get(account_id))

    return read


def _liability(fields: Fields, *, account_id: str, kind: LiabilityKind, currency: str | None) -> Liability:
    """The liability of any kind: each has some of the fields, and no name has two meanings."""
    mortgage_rate = fields.part("interest_rate")
    return {
        "account_id": account_id,
        "kind": kind,
        "next_payment_due_date": fields.day("next_payment_due_date"),
        "minimum_payment_amount": fields.number("minimum_payment_amount") or fields.number("next_monthly_payment"),
        "last_statement_balance": fields.number("last_statement_balance"),
        "last_statement_issue_date": fields.day("last_statement_issue_date"),
        "last_payment_amount": fields.number("last_payment_amount"),
        "last_payment_date": fields.day("last_payment_date"),
        "is_overdue": fields.flag("is_overdue"),
        "past_due_amount": fields.number("past_due_amount"),
        "aprs": _aprs(fields),
        "interest_rate": fields.number("interest_rate_percentage") or mortgage_rate.number("percentage"),
        "interest_rate_type": mortgage_rate.text("type"),
        "origination_date": fields.day("origination_date"),
        "origination_principal": fields.number("origination_principal_amount"),
        "maturity_date": fields.day("maturity_date"),
        "expected_payoff_date": fields.day("expected_payoff_date"),
        "loan_name": fields.text("loan_name"),
        "loan_type": fields.text("loan_type_description"),
        "loan_status": fields.part("loan_status").text("type"),
        "repayment_plan": fields.part("repayment_plan").text("type"),
        "currency": currency,
    }


def _aprs(fields: Fields) -> list[Apr]:
    """The rates that have a percentage."""
    given, made = fields.given.get("aprs"), list[Apr]()
    listed = given if isinstance(given, list) else []
    for one in listed[:MAX_APRS]:
        with suppress(Unusable, AttributeError):
            made.append(_apr(Fields(one, fields.odd)))
    fields.odd["aprs"] += (given is not None and listed is not given) + len(listed) - len(made)
    return made


def _apr(fields: Fields) -> Apr:
    return {
        "type": fields.word("apr_type", default="unknown"),
        "percentage": fields.required_number("apr_percentage"),
        "balance_subject_to_apr": fields.number("balance_subject_to_apr"),
        "interest_charge_amount": fields.number("interest_charge_amount"),
    }
