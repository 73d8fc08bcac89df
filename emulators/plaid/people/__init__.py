"""The test users of the Sandbox: which username and password give which bank data.

Source: plaid.com/docs/sandbox/test-credentials.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from emulators.plaid.bank import Portfolio
from emulators.plaid.errors import CATALOGUE, PlaidError
from emulators.plaid.people import abroad, custom, defaults, dynamic, generated, good


@dataclass(frozen=True)
class Login:
    """A login: the user, the Item and the time."""

    username: str = "user_good"
    password: str = "pass_good"  # noqa: S105 - Plaid's published test login
    item_id: str = ""
    today: date = date.min
    days: int = 90
    persistent_ids: bool = False


_DYNAMIC_USERS = ("user_transactions_dynamic", "user_ewa_user", "user_yuppie", "user_small_business")
_GOOD_PASSWORDS = ("pass_good", "mfa_device", "mfa_selections", "microdeposits_good")


def open_bank(login: Login) -> Portfolio:
    """The bank data of this login. Raises the Item error of a failed login."""
    password = login.password
    if password.startswith("error_"):
        code = password.removeprefix("error_")
        raise PlaidError(code, error_type=None if code in CATALOGUE else "ITEM_ERROR")
    opened = _opener(login.username, password)(login)
    if not opened.accounts:
        raise PlaidError("NO_ACCOUNTS")
    if login.persistent_ids:
        for account in opened.accounts:
            account.persistent_account_id = defaults.persistent_id(login.username, account)
    return opened


def _opener(username: str, password: str) -> Callable[[Login], Portfolio]:
    if username == "user_custom":
        return lambda login: custom.open_bank(login.password, login.item_id, login.today)
    if username == "user_generated":
        return lambda login: generated.open_bank(login.password, login.item_id, login.today)
    if username in _DYNAMIC_USERS and password:
        return lambda login: dynamic.open_bank(login.username, login.item_id, login.today)
    if username in abroad.USERS and password:
        return lambda login: abroad.open_bank(login.username, login.item_id, login.today, login.days)
    static = username == "user_good" and (password in _GOOD_PASSWORDS or password.startswith("mfa_questions"))
    if static or (username.startswith(("user_credit_", "user_bank_income", "user_limited_purpose")) and password):
        return lambda login: good.open_bank(login.item_id, login.today, login.days)
    raise PlaidError("INVALID_CREDENTIALS")
