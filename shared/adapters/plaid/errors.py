"""Translates Plaid's errors, by type and code, to the backend's kinds and messages.

shared/domain/status.py decides how kinds change a status. Sources: https://plaid.com/docs/errors/ and its
pages per type. Institution errors come as HTTP 400, so the translation reads the body, never the HTTP class. Plaid's
`error_message` is for developers and may quote the request, so it is neither logged nor stored.
"""

import json
from dataclasses import dataclass
from typing import Any

from shared.domain.connection import REVOKED_CODE
from shared.domain.errors import CursorRejected, ErrorKind, PagingInterrupted, ProviderError
from shared.domain.region import Region
from shared.domain.storable import text


@dataclass(frozen=True, slots=True)
class Translation:
    """The kind and message of a Plaid error."""

    kind: ErrorKind
    message: str


_OUTAGE = Translation(ErrorKind.INSTITUTION_DOWN, "the bank is unavailable right now; try again later")
_PLAID_DOWN = Translation(ErrorKind.PLAID_DOWN, "Plaid is unavailable right now; try again later")
_TOO_FAST = Translation(ErrorKind.TRY_LATER, "too many requests to Plaid right now; try again later")
_NOT_READY = Translation(ErrorKind.TRY_LATER, "Plaid is still fetching the bank's data")
_LOGIN = Translation(ErrorKind.LOGIN_REQUIRED, "the user must log in to the bank again, in Link")
_ACCOUNTS = Translation(ErrorKind.NO_ACCOUNTS, "the user shares no accounts: let them select accounts again, in Link")
_CONSENT = Translation(ErrorKind.ADDITIONAL_CONSENT, "the user must consent to share more data, in Link")
_IN_LINK = "this Link session cannot be completed: open Link again"
_DEAD = "this connection no longer works: link the bank again"
_UNSUPPORTED = Translation(ErrorKind.UNUSABLE, "this bank or account is not supported")
_NO_TRANSACTIONS = Translation(
    ErrorKind.UNUSABLE,
    "this connection cannot deliver transactions: link the bank again and select accounts that have them",
)
_UNKNOWN_ITEM = Translation(
    ErrorKind.TRY_LATER, "the bank reports a problem with this connection; the backend retries it later"
)
_OURS = "the backend is not configured for this; the error has been logged"
_CONFIGURATION = Translation(ErrorKind.CONFIGURATION, _OURS)

BY_CODE: dict[str, Translation] = {
    **dict.fromkeys(
        (
            "ITEM_LOGIN_REQUIRED",
            "INVALID_CREDENTIALS",
            "INVALID_MFA",
            "INVALID_SEND_METHOD",
            "INVALID_OTP",
            "INVALID_PHONE_NUMBER",
            "INSUFFICIENT_CREDENTIALS",
            "USER_INPUT_TIMEOUT",
            "INVALID_UPDATED_USERNAME",
            "ITEM_LOCKED",
            "USER_SETUP_REQUIRED",
            "PASSWORD_RESET_REQUIRED",
            "ACCESS_NOT_GRANTED",
        ),
        _LOGIN,
    ),
    "NO_ACCOUNTS": _ACCOUNTS,
    "ADDITIONAL_CONSENT_REQUIRED": _CONSENT,
    "INVALID_PUBLIC_TOKEN": Translation(ErrorKind.PUBLIC_TOKEN_INVALID, _IN_LINK),
    **dict.fromkeys(
        ("INVALID_LINK_TOKEN", "MANUAL_VERIFICATION_REQUIRED"), Translation(ErrorKind.LINK_AGAIN, _IN_LINK)
    ),
    "INVALID_ACCESS_TOKEN": Translation(ErrorKind.UNKNOWN_TOKEN, _DEAD),
    "ITEM_NOT_FOUND": Translation(ErrorKind.ITEM_GONE, _DEAD),
    "ITEM_CONCURRENTLY_DELETED": Translation(ErrorKind.ITEM_BEING_REMOVED, _DEAD),
    REVOKED_CODE: Translation(ErrorKind.PERMISSION_REVOKED, _DEAD),
    **dict.fromkeys(
        (
            "ITEM_NOT_SUPPORTED",
            "MFA_NOT_SUPPORTED",
            "INSTANT_MATCH_FAILED",
            "INSTITUTION_NO_LONGER_SUPPORTED",
            "UNSUPPORTED_RESPONSE",
        ),
        _UNSUPPORTED,
    ),
    "PRODUCT_NOT_READY": _NOT_READY,
    **dict.fromkeys(("INSTITUTION_DOWN", "INSTITUTION_NOT_RESPONDING", "INSTITUTION_NOT_AVAILABLE"), _OUTAGE),
    "INVALID_INSTITUTION": Translation(ErrorKind.INSTITUTION_UNKNOWN, _OURS),
    **dict.fromkeys(
        ("UNAUTHORIZED_INSTITUTION", "INSTITUTION_REGISTRATION_REQUIRED", "INSTITUTION_NOT_ENABLED_IN_ENVIRONMENT"),
        Translation(ErrorKind.INSTITUTION_NOT_ENABLED, _OURS),
    ),
    **dict.fromkeys(
        (
            "INVALID_API_KEYS",
            "UNAUTHORIZED_ENVIRONMENT",
            "UNAUTHORIZED_ROUTE_ACCESS",
            "CREDITS_EXHAUSTED",
            "TRIAL_CONNECTION_LIMIT",
            "ADDITION_LIMIT",
        ),
        Translation(ErrorKind.PLAID_ACCOUNT, _OURS),
    ),
}
SYNC = "/transactions/sync"
BY_CODE_OF_A_SYNC: dict[str, Translation] = {
    # A connection without transactions is useless, so in a sync these errors concern one user's item. From other
    # endpoints they only say that an additional product, such as a refresh, is not available.
    **dict.fromkeys(("PRODUCTS_NOT_SUPPORTED", "PRODUCT_NOT_ENABLED"), _NO_TRANSACTIONS),
    **dict.fromkeys(
        ("NO_AUTH_ACCOUNTS", "NO_LIABILITY_ACCOUNTS", "NO_INVESTMENT_ACCOUNTS", "NO_INVESTMENT_AUTH_ACCOUNTS"),
        _ACCOUNTS,
    ),
    "MANUAL_VERIFICATION_REQUIRED": _LOGIN,
}
BY_TYPE_OF_DATA: dict[str, Translation] = {
    # An unknown error of one item: retried with growing delays, without involving the user or an operator.
    "ITEM_ERROR": _UNKNOWN_ITEM,
}
BY_TYPE: dict[str, Translation] = {
    "RATE_LIMIT_EXCEEDED": _TOO_FAST,
    "API_ERROR": _PLAID_DOWN,
    "INSTITUTION_ERROR": _OUTAGE,
    "TRANSACTIONS_ERROR": Translation(ErrorKind.TRY_LATER, _OUTAGE.message),
    "ITEM_ERROR": _CONFIGURATION,  # unknown item errors: do not involve the user, do not retry at once
}
_PRODUCT_UNSUPPORTED = Translation(ErrorKind.PRODUCT_UNSUPPORTED, "the bank does not deliver this kind of data")
_PRODUCT_ACCOUNTS = Translation(ErrorKind.PRODUCT_NO_ACCOUNTS, "no shared account has this kind of data")
_PRODUCT_CONSENT = Translation(ErrorKind.PRODUCT_CONSENT, "the user must allow this kind of data, in Link")
_PRODUCT_NOT_ENABLED = Translation(ErrorKind.PRODUCT_NOT_ENABLED, "the backend is not enabled for this kind of data")
_PRODUCT_NOT_READY = Translation(ErrorKind.PRODUCT_NOT_READY, _NOT_READY.message)
PRODUCT_ENDPOINTS = frozenset(
    {
        "/transactions/recurring/get",
        "/liabilities/get",
        "/investments/holdings/get",
        "/investments/transactions/get",
        "/accounts/balance/get",
    }
)
BY_CODE_OF_A_PRODUCT: dict[str, Translation] = {
    # Ordinary answers about one optional product: none of them may change the connection, ask the user to log in or
    # alert an operator.
    "PRODUCTS_NOT_SUPPORTED": _PRODUCT_UNSUPPORTED,
    **dict.fromkeys(
        ("NO_ACCOUNTS", "NO_AUTH_ACCOUNTS", "NO_LIABILITY_ACCOUNTS", "NO_INVESTMENT_ACCOUNTS"), _PRODUCT_ACCOUNTS
    ),
    **dict.fromkeys(("ADDITIONAL_CONSENT_REQUIRED", "ACCESS_NOT_GRANTED"), _PRODUCT_CONSENT),
    **dict.fromkeys(("INVALID_PRODUCT", "UNAUTHORIZED_ROUTE_ACCESS", "PRODUCT_NOT_ENABLED"), _PRODUCT_NOT_ENABLED),
    "PRODUCT_NOT_READY": _PRODUCT_NOT_READY,
    # No balance is as recent as requested: https://plaid.com/docs/errors/invalid-result/
    "LAST_UPDATED_DATETIME_OUT_OF_RANGE": _PRODUCT_NOT_READY,
    # An account was closed or deselected since the accounts were read.
    "INVALID_ACCOUNT_ID": _UNKNOWN_ITEM,
}
INTERRUPTED_CODE = "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"
FIELD_CODE = "INVALID_FIELD"
_RATE_LIMIT_SECONDS = 60  # Plaid's windows are minutes
_LONGEST_WAIT_SECONDS = 3600  # the maximum for Retry-After
_LONGEST_WORD, _LONGEST_TEXT = 200, 2_000  # bytes: they are stored, and shown


def from_answer(
    http_status: int, body: bytes | str | None, *, endpoint: str | None = None, retry_after: str | None = None
) -> ProviderError:
    """The error of a response other than 200.

    Args:
        http_status: The HTTP status.
        body: Plaid's error object, or any body of a server in between.
        endpoint: The called path, if the meaning depends on it.
        retry_after: The `Retry-After` header in seconds, if there was one.
    """
    plaid = _parse_error(body)
    if plaid is None:
        return unreachable_error("NO_PLAID_ANSWER", retry_after=_seconds(retry_after))
    error_type, error_code = _word(plaid.get("error_type")), _word(plaid.get("error_code"))
    fallback = _PLAID_DOWN if http_status >= 500 else _TOO_FAST if http_status == 429 else _CONFIGURATION
    translation = _of_an_endpoint(endpoint, error_type, error_code)
    translation = translation or BY_CODE.get(error_code) or BY_TYPE.get(error_type) or fallback
    if error_type == "API_ERROR" and endpoint != SYNC:
        translation = _PLAID_DOWN  # regardless of the code: the call may have had its effect
    raises: type[ProviderError] = ProviderError
    if error_code == INTERRUPTED_CODE:
        raises, translation = PagingInterrupted, _NOT_READY
    elif error_code == FIELD_CODE and "cursor" in str(plaid.get("error_message")).lower():
        # The only sign of a foreign cursor is in the message: https://plaid.com/docs/errors/invalid-request/
        raises = CursorRejected
    wait = _seconds(retry_after)
    if translation is _TOO_FAST and not wait:
        wait = _RATE_LIMIT_SECONDS
    return raises(
        translation.message,
        kind=translation.kind,
        error_type=error_type,
        error_code=error_code,
        request_id=_text(plaid.get("request_id")),
        display_message=_text(plaid.get("display_message")),
        retry_after_seconds=wait,
    )


def _of_an_endpoint(endpoint: str | None, error_type: str, error_code: str) -> Translation | None:
    """The translation of an error whose meaning depends on the endpoint; None if it does not."""
    if endpoint == SYNC:
        of_endpoint = BY_CODE_OF_A_SYNC
    elif endpoint in PRODUCT_ENDPOINTS:
        of_endpoint = BY_CODE_OF_A_PRODUCT
    else:
        return None
    return of_endpoint.get(error_code) or BY_CODE.get(error_code) or BY_TYPE_OF_DATA.get(error_type)


def from_error_object(error: dict[str, Any] | None) -> ProviderError | None:
    """The error in `item.error` or a webhook; None if there is none."""
    return from_answer(400, json.dumps(error, default=str)) if error else None


def unreachable_error(error_code: str, *, retry_after: int | None = None) -> ProviderError:
    """The error when Plaid did not respond, or a server in between responded instead.

    Args:
        error_code: The backend's own code, which says how that was detected.
        retry_after: The requested wait in seconds.
    """
    return ProviderError(
        _PLAID_DOWN.message,
        kind=ErrorKind.PLAID_DOWN,
        error_type="TRANSPORT",
        error_code=error_code,
        retry_after_seconds=retry_after,
    )


def without_keys(region: Region) -> ProviderError:
    """The error of a call in a region whose keys are not configured (any more)."""
    return ProviderError(
        _OURS, kind=ErrorKind.PLAID_ACCOUNT, error_type="BACKEND", error_code=f"NO_KEYS_FOR_{region.name}"
    )


def _parse_error(body: bytes | str | None) -> dict[str, Any] | None:
    try:
        parsed = json.loads(body or "")
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) and "error_code" in parsed else None


def _seconds(header: str | None) -> int | None:
    text = (header or "").strip()
    return min(int(text), _LONGEST_WAIT_SECONDS) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _text(value: Any) -> str | None:
    return text(value, limit=_LONGEST_TEXT) or None


def _word(value: Any) -> str:
    """A type or a code: a short word, or a placeholder for any other value."""
    return "None" if value is None else text(value, limit=_LONGEST_WORD) or "UNREADABLE"
