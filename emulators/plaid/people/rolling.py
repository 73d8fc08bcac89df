"""`roll_dates_forward`: the dates of a custom user's file, moved so that the latest activity is today.

Source: plaid.com/docs/sandbox/user-custom. Activity is what happened: transactions, prices of holdings, payments and
statements of loans. Scheduled dates of loans move by the same days, but do not say how far.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from emulators.plaid.people.reading import Json, day

_ACTIVITY = {"date_transacted", "date", "institution_price_as_of", "last_payment_date", "last_statement_issue_date"}
_FOLLOWING = {
    "date_posted",
    "origination_date",
    "maturity_date",
    "next_payment_due_date",
    "expected_payoff_date",
    "estimated_eligibility_date",
    "end_date",
    "draw_period_end_date",
}


def roll_forward(accounts: list[Json], today: date) -> list[Json]:
    """The accounts with all dates moved; a file without activity keeps its dates."""
    latest = max(_activity(accounts), default=None)
    return accounts if latest is None else _moved(accounts, today - date.fromisoformat(latest))


def _activity(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for inner in value:
            yield from _activity(inner)
    elif isinstance(value, dict):
        known = _ACTIVITY if day(value.get("date_transacted")) else {*_ACTIVITY, "date_posted"}
        for name, inner in value.items():
            found = day(inner) if name in known else None
            if found:
                yield found
            else:
                yield from _activity(inner)


def _moved(value: Any, days: timedelta) -> Any:
    if isinstance(value, list):
        return [_moved(inner, days) for inner in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _moved_date(inner, days) if _is_date(name, inner) else _moved(inner, days)
        for name, inner in value.items()
    }


def _is_date(name: str, value: Any) -> bool:
    return name in _ACTIVITY | _FOLLOWING and day(value) is not None


def _moved_date(value: Any, days: timedelta) -> str:
    try:
        return str(date.fromisoformat(str(day(value))) + days)
    except OverflowError:
        return str(value)
