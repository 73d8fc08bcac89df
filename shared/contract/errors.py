"""Every refusal by its code: when it comes, and what an app should do about it.

Each HTTP function declares its errors beside its route; docs/errors.py writes docs/errors.md from both. Not imported at
run time: it is for people, tests, and the description of the API.
"""

from dataclasses import dataclass

from shared.domain.errors import (
    AlreadyExists,
    BankError,
    ErrorKind,
    FailedPrecondition,
    InvalidArgument,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    PermissionDenied,
    ProviderError,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)

MEND = "Mend the call: sending it again unchanged cannot help."
LATER = "Try again after `retry_after_seconds`, or after a few seconds where it is absent."
SIGN_IN = "Have the user sign in again."
REPORT = "Tell the user that it does not work right now, and report it: an operator has to act."


@dataclass(frozen=True, slots=True)
class Refusal:
    """One way to refuse a call.

    Attributes:
        code: Our own stable code, in `details.code`.
        status: The canonical status.
        http: The HTTP status that belongs to it.
        when: When it comes.
        app: What the app should do.
        operators_only: Only operators' commands report it: no HTTP function answers it.
    """

    code: str
    status: str
    http: int
    when: str
    app: str
    operators_only: bool = False


def _ours(kind: type[BankError], code: str, when: str, app: str, *, operators_only: bool = False) -> Refusal:
    return Refusal(code, kind.status, kind.http, when, app, operators_only)


def _plaids(kind: ErrorKind, when: str, app: str) -> Refusal:
    error = ProviderError("", kind=kind, error_type="", error_code="")
    return Refusal(error.code, error.status, error.http, when, app)


_ALL = (
    # -- the call itself --
    _ours(InvalidArgument, "body_not_json", "The body is not JSON, or its type is not `application/json`.", MEND),
    _ours(InvalidArgument, "body_not_an_object", "The body is JSON, but not an object.", MEND),
    _ours(PayloadTooLarge, "body_too_large", "The body is longer than 256 KiB.", MEND),
    _ours(InvalidArgument, "not_storable", "A value of the call is one that the database refuses.", MEND),
    _ours(
        InvalidArgument,
        "invalid_input",
        "A field is unknown, missing, of the wrong type, too long or contradicts another; the message names it.",
        MEND,
    ),
    _ours(InvalidArgument, "unexpected_query", "A call with a body has fields in its query, too.", MEND),
    _ours(MethodNotAllowed, "method_not_allowed", "The path is right and the method is not; see `Allow`.", MEND),
    _ours(NotFound, "path_not_found", "No function has this path.", MEND),
    # -- who calls --
    _ours(
        Unauthenticated,
        "id_token_missing",
        "No `Authorization: Bearer <Firebase ID token>` was sent.",
        "Have the user sign in, and send their ID token.",
    ),
    _ours(
        Unauthenticated,
        "id_token_invalid",
        "The ID token is not one of this project's, its signature does not hold, or its user is gone.",
        SIGN_IN,
    ),
    _ours(
        Unauthenticated,
        "id_token_expired",
        "The ID token is older than an hour.",
        "Refresh it (`getIdToken(true)`), and send the call again. The Firebase SDKs do so by themselves.",
    ),
    _ours(Unauthenticated, "id_token_revoked", "The user's sessions were ended since the token was made.", SIGN_IN),
    _ours(Unauthenticated, "user_disabled", "An administrator has disabled the user.", "Tell the user."),
    _ours(Unauthenticated, "uid_unusable", "The user's id cannot name a document (`/`, `..`, `__x__`).", REPORT),
    _ours(
        Unauthenticated,
        "app_check_missing",
        "The backend wants to know which app calls, and no `X-Firebase-AppCheck` was sent.",
        "Set App Check up in the app; the Firebase SDKs send its token by themselves, REST calls have to.",
    ),
    _ours(
        Unauthenticated,
        "app_check_invalid",
        "The App Check token is not one of this project's, has expired, or its signature does not hold.",
        "Get a new one (`getToken(appCheck, true)`), and send the call again once.",
    ),
    _ours(Unavailable, "app_check_unavailable", "The keys of App Check could not be fetched.", LATER),
    _ours(Unavailable, "auth_unavailable", "Firebase could not be asked about the ID token.", LATER),
    # -- who may connect a bank --
    _ours(
        PermissionDenied,
        "anonymous_not_allowed",
        "An anonymous user wants to make a connection, and `ALLOW_ANONYMOUS` is off.",
        "Have the user sign in, or link a credential to their account, and send the call again.",
    ),
    _ours(
        PermissionDenied,
        "email_not_verified",
        "A user whose e-mail address is not verified wants to make a connection, and `REQUIRE_VERIFIED_EMAIL` is on.",
        "Offer to send the verification e-mail again; once the user has followed its link, refresh the ID token "
        "(`getIdToken(true)`), and send the call again.",
    ),
    # -- limits --
    _ours(
        ResourceExhausted,
        "rate_limited",
        "The user has made as many such calls in a minute as the settings allow; this one was not counted.",
        "Try again after `retry_after_seconds`.",
    ),
    _ours(
        ResourceExhausted,
        "sync_too_soon",
        "This connection was asked to sync a moment ago.",
        "Listen to its progress document; offer the button again after `retry_after_seconds`.",
    ),
    _ours(
        ResourceExhausted,
        "too_many_connections",
        "The user has as many connections as the settings allow, and asked for another. Those in `error` do not count.",
        "Ask the user to remove a connection first; waiting does not help.",
    ),
    _ours(Unavailable, "limits_busy", "Too many calls of one user at the same moment; nothing was done.", LATER),
    # -- connections --
    _ours(
        NotFound,
        "connection_not_found",
        "The connection does not exist (any more), or is somebody else's.",
        "Take it off the screen.",
    ),
    _ours(
        FailedPrecondition,
        "relink_required",
        "The connection is in `error`: it will never work again.",
        "Offer to link the bank anew, without naming the connection.",
    ),
    _ours(
        Unavailable,
        "connection_busy",
        "Something else is writing to the connection, or its access token is being replaced.",
        LATER,
    ),
    _ours(Unavailable, "erasure_busy", "Something else is writing to what is to be erased.", LATER),
    _ours(
        Unavailable,
        "store_busy",
        "Something else is writing to the same document (operators' commands only).",
        LATER,
        operators_only=True,
    ),
    _ours(
        FailedPrecondition,
        "restore_implausible",
        "After a restore Plaid knows few of the connections: other keys, most likely (operators' commands only).",
        REPORT,
        operators_only=True,
    ),
    # -- Link and the exchange --
    _ours(
        InvalidArgument,
        "link_request_refused",
        "Plaid does not take what the call chose (a redirect URI, a product, …); `plaid` says what.",
        MEND,
    ),
    _ours(
        InvalidArgument,
        "public_token_invalid",
        "The public token is unknown, used, expired (after 30 minutes) or another user's.",
        "Open Link again.",
    ),
    _ours(
        InvalidArgument,
        "public_token_not_yours",
        "The public token is of an item that another user has connected. Nothing was changed.",
        "Open Link again, with a link token of this user.",
    ),
    _ours(
        InvalidArgument,
        "link_token_not_yours",
        "The `link_token` of an exchange is unknown, expired, or was issued to another user. Plaid was not called.",
        "Open Link again, with a link token of this user.",
    ),
    _ours(
        AlreadyExists,
        "duplicate_connection",
        "Accounts are connected already: `accounts` of the connection `connection_id`. Nothing was added.",
        "Offer update mode of that connection to add accounts; send `allow_duplicate` only if the user insists.",
    ),
    _ours(
        Unavailable,
        "exchange_in_progress",
        "Another call is exchanging the same public token.",
        "Send the same call again after `retry_after_seconds`: it answers what the other one made.",
    ),
    _ours(
        Unavailable,
        "exchange_not_started",
        "The items before it took so long that this one was not begun (only in `results`).",
        "Send this item again.",
    ),
    # -- webhooks --
    _ours(
        Unauthenticated,
        "webhook_not_verified",
        "Not signed by Plaid, for another body, or older than five minutes.",
        "Nothing: only Plaid calls this.",
    ),
    _ours(
        Unavailable,
        "webhook_key_unavailable",
        "Plaid could not be asked for its key.",
        "Nothing: Plaid sends it again.",
    ),
    _ours(
        Unavailable,
        "webhook_keys_busy",
        "Too many unknown keys were named within a minute, in the whole project.",
        "Nothing: Plaid sends it again.",
    ),
    # -- what is outside --
    _plaids(
        ErrorKind.TRY_LATER,
        "Plaid or the bank cannot answer right now.",
        "Try again after `retry_after_seconds`, or after a minute where it is absent.",
    ),
    _plaids(
        ErrorKind.LOGIN_REQUIRED,
        "Only the user can help, in Link; `display_message` may say how.",
        "Open Link: in update mode if there is a connection.",
    ),
    _plaids(
        ErrorKind.UNUSABLE,
        "Plaid says that this login will never work again, or cannot be used at all.",
        "Offer to link the bank anew.",
    ),
    _plaids(
        ErrorKind.CONFIGURATION,
        "The backend's keys or settings are wrong: no fault of the caller or the user.",
        REPORT,
    ),
    _ours(Unavailable, "store_unavailable", "Firestore did not answer.", LATER),
    _ours(Unavailable, "queue_unavailable", "Cloud Tasks did not take a task.", LATER),
    _ours(BankError, "internal", "A bug of ours; it has been recorded.", REPORT),
)

CATALOGUE: dict[str, Refusal] = {refusal.code: refusal for refusal in _ALL}
"""By code."""
