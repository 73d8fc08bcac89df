"""The one place where Plaid's errors are translated: from a type and a code to a kind and a message of ours.

What a kind does to a connection's status is in shared/domain/status.py. Sources: https://plaid.com/docs/errors/ and its
pages per type. Institution errors come as HTTP 400, so the translation reads the body, never the HTTP class. Plaid's
`error_message` is for developers and may quote the request: it is neither logged nor stored.
"""

import json
from dataclasses import dataclass
from typing import Any

from shared.domain.connection import REVOKED_CODE
from shared.domain.errors import CursorRejected, ErrorKind, PagingInterrupted, ProviderError
from shared.domain.storable import text


@dataclass(frozen=True, slots=True)
class Translation:
    """What one of Plaid's errors is to us, and how we say it."""

    kind: ErrorKind
    message: str


_OUTAGE = Translation(ErrorKind.INSTITUTION_DOWN, "the bank cannot be reached right now")
_PLAID_DOWN = Translation(ErrorKind.PLAID_DOWN, "Plaid cannot answer right now")
_TOO_FAST = Translation(ErrorKind.TRY_LATER, "too many requests to the bank right now")
_NOT_READY = Translation(ErrorKind.TRY_LATER, "the bank's data is still being fetched")
_LOGIN = Translation(ErrorKind.LOGIN_REQUIRED, "the bank asks the user to log in again")
_ACCOUNTS = Translation(ErrorKind.NO_ACCOUNTS, "no account is shared any more")
_CONSENT = Translation(ErrorKind.ADDITIONAL_CONSENT, "the user has to consent to more data")
_IN_LINK = "the user has to go through Link again"
_DEAD = "this connection cannot be used any more: link the bank again"
_UNSUPPORTED = Translation(ErrorKind.UNUSABLE, "this bank or account is not supported")
_NO_TRANSACTIONS = Translation(
    ErrorKind.UNUSABLE,
    "this connection cannot deliver transactions: link the bank again and choose accounts that have them",
)
_UNKNOWN_ITEM = Translation(ErrorKind.TRY_LATER, "the bank reports a problem with this connection; it is tried again")
_OURS = "the backend is not set up for this; it has been recorded"
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
    # Without transactions a connection is of no use, so here these concern one user's item. From other endpoints they
    # only say that an additional product, such as a refresh, is not available.
    **dict.fromkeys(("PRODUCTS_NOT_SUPPORTED", "PRODUCT_NOT_ENABLED"), _NO_TRANSACTIONS),
    **dict.fromkeys(
        ("NO_AUTH_ACCOUNTS", "NO_LIABILITY_ACCOUNTS", "NO_INVESTMENT_ACCOUNTS", "NO_INVESTMENT_AUTH_ACCOUNTS"),
        _ACCOUNTS,
    ),
    "MANUAL_VERIFICATION_REQUIRED": _LOGIN,
}
BY_TYPE_OF_A_SYNC: dict[str, Translation] = {
    # One item's trouble that we do not know: no user is blamed, no operator is called, it is retried ever less often.
    "ITEM_ERROR": _UNKNOWN_ITEM,
}
BY_TYPE: dict[str, Translation] = {
    "RATE_LIMIT_EXCEEDED": _TOO_FAST,
    "API_ERROR": _PLAID_DOWN,
    "INSTITUTION_ERROR": _OUTAGE,
    "TRANSACTIONS_ERROR": Translation(ErrorKind.TRY_LATER, _OUTAGE.message),
    "ITEM_ERROR": _CONFIGURATION,  # an unknown one is not guessed at: no user is blamed, nothing is retried at once
}
INTERRUPTED_CODE = "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"
FIELD_CODE = "INVALID_FIELD"
_RATE_LIMIT_SECONDS = 60  # Plaid's windows are minutes
_LONGEST_WAIT_SECONDS = 3600  # whatever Retry-After says
_LONGEST_WORD, _LONGEST_TEXT = 200, 2_000  # bytes: they are stored, and shown


def from_answer(
    http_status: int, body: bytes | str | None, *, endpoint: str | None = None, retry_after: str | None = None
) -> ProviderError:
    """The error in an answer that is not 200.

    Args:
        http_status: Its HTTP status.
        body: What came with it: Plaid's error object, or anything at all from a server in between.
        endpoint: The path that answered, where the meaning depends on it.
        retry_after: The header, if there was one: seconds.
    """
    plaid = _parse_error(body)
    if plaid is None:
        return unreachable_error("NO_PLAID_ANSWER", retry_after=_seconds(retry_after))
    error_type, error_code = _word(plaid.get("error_type")), _word(plaid.get("error_code"))
    fallback = _PLAID_DOWN if http_status >= 500 else _TOO_FAST if http_status == 429 else _CONFIGURATION
    translation = _of_a_sync(error_type, error_code) if endpoint == SYNC else None
    translation = translation or BY_CODE.get(error_code) or BY_TYPE.get(error_type) or fallback
    if error_type == "API_ERROR" and endpoint != SYNC:
        translation = _PLAID_DOWN  # whatever its code: the call may have taken effect
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


def _of_a_sync(error_type: str, error_code: str) -> Translation | None:
    return BY_CODE_OF_A_SYNC.get(error_code) or BY_CODE.get(error_code) or BY_TYPE_OF_A_SYNC.get(error_type)


def from_error_object(error: dict[str, Any] | None) -> ProviderError | None:
    """The error of an item, as `item.error` and webhooks carry it; None if there is none."""
    return from_answer(400, json.dumps(error, default=str)) if error else None


def unreachable_error(error_code: str, *, retry_after: int | None = None) -> ProviderError:
    """Plaid did not answer, or a server in between answered in its place.

    Args:
        error_code: Our own code, which says how that was noticed.
        retry_after: Seconds that the answer asked to wait.
    """
    return ProviderError(
        _PLAID_DOWN.message,
        kind=ErrorKind.PLAID_DOWN,
        error_type="TRANSPORT",
        error_code=error_code,
        retry_after_seconds=retry_after,
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
    """A type or a code: a short word, else a name for what is none."""
    return "None" if value is None else text(value, limit=_LONGEST_WORD) or "UNREADABLE"
