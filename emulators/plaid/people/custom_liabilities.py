"""The liability of a custom user's credit card or loan, in Plaid's response format.

Sources: plaid.com/docs/sandbox/user-custom and plaid.com/docs/api/products/liabilities.
"""

from datetime import date
from typing import Any

from emulators.plaid.bank import Account
from emulators.plaid.people.reading import Json, address, boolean, day, mapping, number, one_of, text, whole

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


def liability(written: Json, account: Account) -> Json:
    """The liability of a credit or loan account with all keys; missing values are null."""
    if account.type == "credit":
        return _credit(written, account)
    return _mortgage(written) if account.subtype in {"mortgage", "home equity"} else _student(written)


def _credit(written: Json, account: Account) -> Json:
    kinds = ("balance_transfer_apr", "cash_apr", "purchase_apr", "special")
    statement = number(written.get("last_statement_balance"))
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
        "last_statement_balance": account.current if statement is None else statement,
        "minimum_payment_amount": number(written.get("minimum_payment_amount")),
        "next_payment_due_date": day(written.get("next_payment_due_date")),
    }


def _student(written: Json) -> Json:
    status, plan = mapping(written.get("loan_status")), mapping(written.get("repayment_model"))
    forgiveness = mapping(written.get("pslf_status"))
    kind = _plan_type(written.get("repayment_plan_type") or plan.get("type"))
    return {
        "account_number": text(written.get("account_number")),
        "disbursement_dates": None,
        "expected_payoff_date": day(written.get("expected_payoff_date")) or _end_of_plan(written, plan),
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
        "repayment_plan": {
            "description": text(written.get("repayment_plan_description")) or (kind and kind.title()),
            "type": kind,
        },
        "sequence_number": text(written.get("sequence_number")),
        "servicer_address": address(_data(written.get("servicer_address"))),
        "ytd_interest_paid": None,
        "ytd_principal_paid": None,
    }


def _plan_type(written: Any) -> str | None:
    """The plan in the spelling of the answer; files write `interest only` without the hyphen."""
    return one_of("interest-only" if written == "interest only" else written, _PLANS)


def _end_of_plan(written: Json, plan: Json) -> str | None:
    """The end of the repayments that the file configures: so many months after the origination."""
    start, months = day(written.get("origination_date")), whole(plan.get("repayment_months"))
    if start is None or months is None:
        return None
    first = date.fromisoformat(start)
    years, month = divmod(first.month - 1 + months + (whole(plan.get("non_repayment_months")) or 0), 12)
    if not 0 < first.year + years < date.max.year:
        return None
    return str(date(first.year + years, month + 1, min(first.day, 28)))


def _data(written: Any) -> Any:
    """The address itself, which files write with or without `data` around it."""
    return mapping(written).get("data", written)


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
        "property_address": address(_data(written.get("property_address"))),
    }
