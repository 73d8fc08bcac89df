"""What users owe: credit cards, student loans and mortgages."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal, TypedDict

from shared.domain.products.rows import ProductRow

LiabilityKind = Literal["credit", "student", "mortgage"]


class Apr(TypedDict):
    """An annual percentage rate of a card, and the balance that it applies to."""

    type: str
    percentage: str
    balance_subject_to_apr: str | None
    interest_charge_amount: str | None


class Liability(TypedDict):
    """One liability. Fields: https://plaid.com/docs/api/products/liabilities/#liabilitiesget

    Amounts and percentages are decimal strings as sent, days are `YYYY-MM-DD`; None if the bank does not say. A card
    has `aprs`, a loan `interest_rate`. A mortgage ends on its `maturity_date`, a student loan on its
    `expected_payoff_date`. The account number, payment reference, guarantor and addresses are never stored.
    """

    account_id: str
    kind: LiabilityKind
    next_payment_due_date: str | None
    minimum_payment_amount: str | None
    last_statement_balance: str | None
    last_statement_issue_date: str | None
    last_payment_amount: str | None
    last_payment_date: str | None
    is_overdue: bool | None
    past_due_amount: str | None
    aprs: list[Apr]
    interest_rate: str | None
    interest_rate_type: str | None
    origination_date: str | None
    origination_principal: str | None
    maturity_date: str | None
    expected_payoff_date: str | None
    loan_name: str | None
    loan_type: str | None
    loan_status: str | None
    repayment_plan: str | None
    currency: str | None


def row_of(liability: Liability) -> ProductRow:
    """The row of a liability: an account has at most one."""
    return ProductRow(liability["account_id"], liability["account_id"], {**liability})


def with_time(row: ProductRow, *, now: datetime) -> ProductRow:
    """The row with the time of its change."""
    fields: Mapping[str, object] = {**row.fields, "updated_at": now}
    return replace(row, fields=fields)
