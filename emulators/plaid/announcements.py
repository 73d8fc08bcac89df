"""Webhook bodies, without item_id and environment, which the sender adds.

Source: plaid.com/docs/api/products/transactions/#webhooks, plaid.com/docs/api/items/#webhooks and the webhook sections
of the other products' pages.
"""

from datetime import datetime
from typing import Any

from emulators.plaid import errors
from emulators.plaid.items import Readiness

Json = dict[str, Any]


def _body(kind: str, code: str, **more: Any) -> Json:
    return {"webhook_type": kind, "webhook_code": code, **more}


def _milliseconds(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


def sync_updates_available(readiness: Readiness) -> Json:
    return _body(
        "TRANSACTIONS",
        "SYNC_UPDATES_AVAILABLE",
        initial_update_complete=readiness is not Readiness.NOT_READY,
        historical_update_complete=readiness is Readiness.HISTORICAL,
    )


def initial_update(count: int) -> Json:
    return _body("TRANSACTIONS", "INITIAL_UPDATE", error=None, new_transactions=count)


def historical_update(count: int) -> Json:
    return _body("TRANSACTIONS", "HISTORICAL_UPDATE", error=None, new_transactions=count)


def default_update(count: int) -> Json:
    return _body("TRANSACTIONS", "DEFAULT_UPDATE", error=None, new_transactions=count)


def transactions_removed(transaction_ids: list[str]) -> Json:
    return _body("TRANSACTIONS", "TRANSACTIONS_REMOVED", error=None, removed_transactions=transaction_ids)


def recurring_update(account_ids: list[str]) -> Json:
    return _body("TRANSACTIONS", "RECURRING_TRANSACTIONS_UPDATE", account_ids=account_ids)


def item_error(code: str, reason: str | None) -> Json:
    return _body("ITEM", "ERROR", error=errors.item_error(code, reason).inside())


def login_repaired() -> Json:
    return _body("ITEM", "LOGIN_REPAIRED")


def new_accounts_available() -> Json:
    return _body("ITEM", "NEW_ACCOUNTS_AVAILABLE", error=None)


def pending_expiration(when: datetime) -> Json:
    return _body("ITEM", "PENDING_EXPIRATION", consent_expiration_time=_milliseconds(when))


def pending_disconnect(when: datetime, reason: str = "INSTITUTION_TOKEN_EXPIRATION") -> Json:
    return _body("ITEM", "PENDING_DISCONNECT", reason=reason, disconnect_time=_milliseconds(when))


def user_permission_revoked() -> Json:
    error = errors.item_error("USER_PERMISSION_REVOKED").inside()
    del error["error_code_reason"]
    return _body("ITEM", "USER_PERMISSION_REVOKED", error=error)


def user_account_revoked(account_id: str) -> Json:
    return _body("ITEM", "USER_ACCOUNT_REVOKED", account_id=account_id)


def webhook_update_acknowledged(url: str) -> Json:
    return _body("ITEM", "WEBHOOK_UPDATE_ACKNOWLEDGED", error=None, new_webhook_url=url)


def session_finished(session_id: str, link_token: str, status: str, public_tokens: list[str]) -> Json:
    return _body(
        "LINK",
        "SESSION_FINISHED",
        status=status,
        link_session_id=session_id,
        link_token=link_token,
        public_tokens=public_tokens,
    )


def item_add_result(session_id: str, link_token: str, public_token: str) -> Json:
    return _body(
        "LINK", "ITEM_ADD_RESULT", link_session_id=session_id, link_token=link_token, public_token=public_token
    )


def link_events(session_id: str, link_token: str, events: list[Json]) -> Json:
    return _body("LINK", "EVENTS", link_session_id=session_id, link_token=link_token, events=events)


def holdings_update(new: int, updated: int) -> Json:
    return _body("HOLDINGS", "DEFAULT_UPDATE", error=None, new_holdings=new, updated_holdings=updated)


def investments_update(new: int, cancelled: int) -> Json:
    return _investments("DEFAULT_UPDATE", new, cancelled)


def investments_historical_update(new: int, cancelled: int) -> Json:
    return _investments("HISTORICAL_UPDATE", new, cancelled)


def _investments(code: str, new: int, cancelled: int) -> Json:
    return _body(
        "INVESTMENTS_TRANSACTIONS",
        code,
        error=None,
        new_investments_transactions=new,
        cancelled_investments_transactions=cancelled,
    )


def liabilities_update(new: list[str], updated: dict[str, list[str]]) -> Json:
    return _body(
        "LIABILITIES",
        "DEFAULT_UPDATE",
        error=None,
        account_ids_with_new_liabilities=new,
        account_ids_with_updated_liabilities=updated,
    )


def identity_update(changed: dict[str, list[str]]) -> Json:
    return _body("IDENTITY", "DEFAULT_UPDATE", error=None, account_ids_with_updated_identity=changed)


def status_alert(institution_id: str, success: float) -> Json:
    """Source: plaid.com/docs/account/activity/#institution-status-alerts."""
    return _body(
        "DASHBOARD_CONFIGURED_ALERT",
        "INSTITUTION_STATUS_ALERT_TRIGGERED",
        institution_id=institution_id,
        institution_overall_success_rate=success,
    )


def statements_refresh_complete(*, success: bool) -> Json:
    return _body("STATEMENTS", "STATEMENTS_REFRESH_COMPLETE", result="SUCCESS" if success else "FAILURE")
