"""Plaid's errors in our words: the one place where they are translated.

Sources: https://plaid.com/docs/errors/ and its pages per type. Institution errors come as HTTP 400, so what is done
about an error is read from its body, never from the HTTP class. Plaid's `error_message` is for its own developers and
may quote the request: it goes nowhere.
"""

import json
from dataclasses import dataclass
from typing import Any

from shared.domain.connection import Action, ItemStatus
from shared.domain.errors import CursorRejected, ErrorClass, PagingInterrupted, ProviderError
from shared.domain.storable import text


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one of Plaid's errors means to us."""

    error_class: ErrorClass
    message: str
    status: ItemStatus | None = None
    action: Action | None = None


_OUTAGE = Meaning(ErrorClass.TRANSIENT, "the bank cannot be reached right now")
_PLAID_DOWN = Meaning(ErrorClass.TRANSIENT, "Plaid cannot answer right now")
_TOO_FAST = Meaning(ErrorClass.TRANSIENT, "too many requests to the bank right now")
_NOT_READY = Meaning(ErrorClass.TRANSIENT, "the bank's data is still being fetched")
_OURS = Meaning(ErrorClass.CONFIGURATION, "the backend is not set up for this; it has been recorded")
_LOGIN = Meaning(ErrorClass.USER, "the bank asks the user to log in again", ItemStatus.BAD, Action.RECONNECT)
_ACCOUNTS = Meaning(ErrorClass.USER, "no account is shared any more", ItemStatus.BAD, Action.SELECT_ACCOUNTS)
_CONSENT = Meaning(ErrorClass.USER, "the user has to consent to more data", None, Action.RECONNECT)
_IN_LINK = Meaning(ErrorClass.USER, "the user has to go through Link again")
_DEAD = Meaning(
    ErrorClass.TERMINAL, "this connection cannot be used any more: link the bank again", ItemStatus.ERROR, Action.RELINK
)
_UNSUPPORTED = Meaning(ErrorClass.TERMINAL, "this bank or account is not supported", ItemStatus.ERROR, Action.RELINK)
_NO_TRANSACTIONS = Meaning(
    ErrorClass.TERMINAL,
    "this connection cannot deliver transactions: link the bank again and choose accounts that have them",
    ItemStatus.ERROR,
    Action.RELINK,
)
_UNKNOWN_ITEM = Meaning(ErrorClass.TRANSIENT, "the bank reports a problem with this connection; it is tried again")

BY_CODE: dict[str, Meaning] = {
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
    **dict.fromkeys(("INVALID_PUBLIC_TOKEN", "INVALID_LINK_TOKEN", "MANUAL_VERIFICATION_REQUIRED"), _IN_LINK),
    **dict.fromkeys(
        ("ITEM_NOT_FOUND", "ITEM_CONCURRENTLY_DELETED", "USER_PERMISSION_REVOKED", "INVALID_ACCESS_TOKEN"), _DEAD
    ),
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
    **dict.fromkeys(
        (
            "UNAUTHORIZED_INSTITUTION",
            "INSTITUTION_REGISTRATION_REQUIRED",
            "INSTITUTION_NOT_ENABLED_IN_ENVIRONMENT",
            "CREDITS_EXHAUSTED",
            "TRIAL_CONNECTION_LIMIT",
            "ADDITION_LIMIT",
        ),
        _OURS,
    ),
}
SYNC = "/transactions/sync"
BY_CODE_OF_A_SYNC: dict[str, Meaning] = {
    # Without transactions a connection is of no use, so here these concern one user's item. From other endpoints they
    # only say that an additional product, such as a refresh, is not available.
    **dict.fromkeys(("PRODUCTS_NOT_SUPPORTED", "PRODUCT_NOT_ENABLED"), _NO_TRANSACTIONS),
    **dict.fromkeys(
        ("NO_AUTH_ACCOUNTS", "NO_LIABILITY_ACCOUNTS", "NO_INVESTMENT_ACCOUNTS", "NO_INVESTMENT_AUTH_ACCOUNTS"),
        _ACCOUNTS,
    ),
    "MANUAL_VERIFICATION_REQUIRED": _LOGIN,
}
BY_TYPE_OF_A_SYNC: dict[str, Meaning] = {
    # One item's trouble that we do not know: no user is blamed, no operator is called, it is retried ever less often.
    "ITEM_ERROR": _UNKNOWN_ITEM,
}
BY_TYPE: dict[str, Meaning] = {
    "RATE_LIMIT_EXCEEDED": _TOO_FAST,
    "API_ERROR": _PLAID_DOWN,
    "INSTITUTION_ERROR": _OUTAGE,
    "TRANSACTIONS_ERROR": _OUTAGE,
    "ITEM_ERROR": _OURS,  # an unknown one is not guessed at: no user is blamed, nothing is tried over and over
}
_RATE_LIMIT_SECONDS = 60  # Plaid's windows are minutes
_LONGEST_WAIT_SECONDS = 3600  # whatever Retry-After says
_LONGEST_WORD, _LONGEST_TEXT = 200, 2_000  # bytes: they are stored, and shown


def translated(
    http_status: int, body: bytes | str | None, *, endpoint: str | None = None, retry_after: str | None = None
) -> ProviderError:
    """The error in an answer that is not 200.

    Args:
        http_status: Its HTTP status.
        body: What came with it: Plaid's error object, or anything at all from something in between.
        endpoint: The path that answered, where it matters to the meaning.
        retry_after: The header, if there was one: seconds.
    """
    plaid = _parsed(body)
    if plaid is None:
        return unreachable("NO_PLAID_ANSWER", retry_after=_seconds(retry_after))
    error_type, error_code = _word(plaid.get("error_type")), _word(plaid.get("error_code"))
    fallback = _PLAID_DOWN if http_status >= 500 else _TOO_FAST if http_status == 429 else _OURS
    meaning = _of_a_sync(error_type, error_code) if endpoint == SYNC else None
    meaning = meaning or BY_CODE.get(error_code) or BY_TYPE.get(error_type) or fallback
    kind: type[ProviderError] = ProviderError
    if error_code == "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION":
        kind, meaning = PagingInterrupted, _NOT_READY
    elif error_code == "INVALID_FIELD" and "cursor" in str(plaid.get("error_message")).lower():
        # The only sign of a foreign cursor is in the message: https://plaid.com/docs/errors/invalid-request/
        kind = CursorRejected
    wait = _seconds(retry_after)
    if meaning is _TOO_FAST and not wait:
        wait = _RATE_LIMIT_SECONDS
    return kind(
        meaning.message,
        error_class=meaning.error_class,
        error_type=error_type,
        error_code=error_code,
        request_id=_text(plaid.get("request_id")),
        item_status=meaning.status,
        action=meaning.action,
        display_message=_text(plaid.get("display_message")),
        retry_after_seconds=wait,
    )


def _of_a_sync(error_type: str, error_code: str) -> Meaning | None:
    return BY_CODE_OF_A_SYNC.get(error_code) or BY_CODE.get(error_code) or BY_TYPE_OF_A_SYNC.get(error_type)


def said(error: dict[str, Any] | None) -> ProviderError | None:
    """The error that an item suffers from, as `item.error` and webhooks carry it; None if there is none."""
    return translated(400, json.dumps(error, default=str)) if error else None


def unreachable(error_code: str, *, retry_after: int | None = None) -> ProviderError:
    """Plaid did not answer, or something else answered in its place."""
    return ProviderError(
        _PLAID_DOWN.message,
        error_class=ErrorClass.TRANSIENT,
        error_type="TRANSPORT",
        error_code=error_code,
        retry_after_seconds=retry_after,
    )


def _parsed(body: bytes | str | None) -> dict[str, Any] | None:
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
