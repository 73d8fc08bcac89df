"""The error catalogue: for each error code, when it occurs and what the app should do.

Each HTTP function declares its errors next to its route; docs/errors.py generates docs/errors.md from both. The
functions never import this module: only developers, tests and the API description read it.
"""

from shared.contract.refusal import Refusal
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

FIX = "Fix the request; retrying it unchanged will not succeed."
LATER = "Retry after `retry_after_seconds`, or after a few seconds if the field is absent."
SIGN_IN = "Ask the user to sign in again."
LINK_AGAIN = "Create a link token for this user and open Link again."
REPORT = "Show a generic error and report it to the operators: only they can fix it."


def _ours(kind: type[BankError], code: str, when: str, app: str, *, operators_only: bool = False) -> Refusal:
    return Refusal(code, kind.status, kind.http, when, app, operators_only)


def _plaids(kind: ErrorKind, when: str, app: str) -> Refusal:
    error = ProviderError("", kind=kind, error_type="", error_code="")
    return Refusal(error.code, error.status, error.http, when, app)


_ALL = (
    # -- the request --
    _ours(InvalidArgument, "body_not_json", "The body, or its content type, is not `application/json`.", FIX),
    _ours(InvalidArgument, "body_not_an_object", "The body is valid JSON, but not an object.", FIX),
    _ours(PayloadTooLarge, "body_too_large", "The body exceeds 256 KiB.", FIX),
    _ours(InvalidArgument, "not_storable", "The request contains a value that Firestore cannot store.", FIX),
    _ours(
        InvalidArgument,
        "invalid_input",
        "A field is unknown, missing, of the wrong type, too long, or contradicts another field; `message` names it.",
        FIX,
    ),
    _ours(
        InvalidArgument,
        "unexpected_query",
        "The request has fields in its query; `POST` requests take them in the body only.",
        FIX,
    ),
    _ours(
        MethodNotAllowed,
        "method_not_allowed",
        "The path exists, but not with this method; the `Allow` header names the right one.",
        FIX,
    ),
    _ours(NotFound, "path_not_found", "No function serves this path.", FIX),
    # -- authentication --
    _ours(
        Unauthenticated,
        "id_token_missing",
        "The request has no `Authorization: Bearer <Firebase ID token>` header.",
        "Ask the user to sign in, then send their ID token.",
    ),
    _ours(
        Unauthenticated,
        "id_token_invalid",
        "The ID token belongs to another project, its signature is invalid, or its user was deleted.",
        SIGN_IN,
    ),
    _ours(
        Unauthenticated,
        "id_token_expired",
        "The ID token has expired (after one hour).",
        "Refresh the token (`getIdToken(true)`) and retry. The Firebase SDKs do this automatically.",
    ),
    _ours(
        Unauthenticated, "id_token_revoked", "The user's sessions were revoked after the ID token was issued.", SIGN_IN
    ),
    _ours(
        Unauthenticated,
        "user_disabled",
        "An administrator has disabled the user.",
        "Tell the user that their account is disabled.",
    ),
    _ours(
        Unauthenticated,
        "uid_unusable",
        "The user's id is not a valid Firestore document id (`/`, `..`, `__x__`).",
        REPORT,
    ),
    _ours(
        Unauthenticated,
        "app_check_missing",
        "The backend enforces App Check, and the request has no `X-Firebase-AppCheck` header.",
        "Set up App Check in the app. The Firebase SDKs send its token automatically; REST calls must add the header.",
    ),
    _ours(
        Unauthenticated,
        "app_check_invalid",
        "The App Check token belongs to another project, has expired, or its signature is invalid.",
        "Get a new token (`getToken(appCheck, true)`) and retry once.",
    ),
    _ours(
        Unavailable,
        "app_check_unavailable",
        "App Check's public keys could not be fetched, so the token could not be verified.",
        LATER,
    ),
    _ours(
        Unavailable, "auth_unavailable", "Firebase Auth did not respond, so the ID token could not be verified.", LATER
    ),
    # -- permission to connect a bank --
    _ours(
        PermissionDenied,
        "anonymous_not_allowed",
        "An anonymous user tried to connect a bank, and `ALLOW_ANONYMOUS` is off.",
        "Ask the user to sign in or to link a credential to their account, then retry.",
    ),
    _ours(
        PermissionDenied,
        "email_not_verified",
        "A user with an unverified e-mail address tried to connect a bank, and `REQUIRE_VERIFIED_EMAIL` is on.",
        "Offer to resend the verification e-mail. After the user has verified the address, refresh the ID token "
        "(`getIdToken(true)`) and retry.",
    ),
    # -- limits --
    _ours(
        ResourceExhausted,
        "rate_limited",
        "The user reached the limit of such calls per minute. This call did not count towards the limit.",
        "Retry after `retry_after_seconds`.",
    ),
    _ours(
        ResourceExhausted,
        "sync_too_soon",
        "A sync of this connection was requested a moment ago.",
        "Listen to the progress document; enable the sync button again after `retry_after_seconds`.",
    ),
    _ours(
        ResourceExhausted,
        "balances_too_soon",
        "The live balances of this connection were read less than a minute ago.",
        "Show the stored balances; enable the button again after `retry_after_seconds`.",
    ),
    _ours(
        ResourceExhausted,
        "too_many_connections",
        "The user reached the maximum number of connections. Connections in `error` do not count.",
        "Ask the user to remove a connection first; waiting will not help.",
    ),
    _ours(
        Unavailable, "limits_busy", "The user sent too many calls at the same moment; this call had no effect.", LATER
    ),
    # -- connections --
    _ours(
        NotFound,
        "connection_not_found",
        "The connection does not exist, was removed, or belongs to another user.",
        "Remove the connection from the screen.",
    ),
    _ours(
        InvalidArgument,
        "connection_not_replaceable",
        "`replaces` names a connection that has none of the linked accounts, or whose permission was revoked. If only "
        "the accounts from Plaid showed this, the new item was removed.",
        "Offer to connect the bank without replacing a connection.",
    ),
    _ours(
        FailedPrecondition,
        "relink_required",
        "The connection is in `error` and cannot be repaired.",
        "Offer to link the bank again as a new connection: create a link token without `connection_id`.",
    ),
    _ours(
        Unavailable,
        "connection_busy",
        "Another process is writing to the connection, or its access token is being rotated.",
        LATER,
    ),
    _ours(Unavailable, "erasure_busy", "Another process is writing to the data that the call should erase.", LATER),
    _ours(
        Unavailable,
        "store_busy",
        "Another process is writing to the same document (operators' commands only).",
        LATER,
        operators_only=True,
    ),
    _ours(
        FailedPrecondition,
        "restore_implausible",
        "After a restore, Plaid knows only few of the connections (operators' commands only).",
        "Check that the Plaid keys belong to the environment of the restored connections.",
        operators_only=True,
    ),
    # -- Link and the exchange --
    _ours(
        InvalidArgument,
        "link_request_refused",
        "Plaid rejected a value of the request (a redirect URI, a product, …); `plaid` has Plaid's error.",
        FIX,
    ),
    _ours(
        InvalidArgument,
        "public_token_invalid",
        "The public token is unknown, already used, expired (after 30 minutes) or belongs to another user.",
        "Create a new link token and open Link again.",
    ),
    _ours(
        InvalidArgument,
        "public_token_not_yours",
        "The public token belongs to an item that another user has connected. Nothing was changed.",
        LINK_AGAIN,
    ),
    _ours(
        InvalidArgument,
        "link_token_not_yours",
        "The `link_token` is unknown, expired, or was issued to another user. Plaid was not called.",
        LINK_AGAIN,
    ),
    _ours(
        InvalidArgument,
        "link_token_required",
        "With two pairs of Plaid's keys, the public token does not tell which pair it belongs to: the user has opened "
        "Link in both regions, or (in production) in none. Plaid was not called.",
        "Send the `link_token` of the session, too.",
    ),
    _ours(
        AlreadyExists,
        "duplicate_connection",
        "The user has already connected some of these accounts: `accounts` of connection `connection_id`. "
        "Nothing was added.",
        "Offer update mode for that connection to add accounts; send `allow_duplicate` only if the user insists.",
    ),
    _ours(
        Unavailable,
        "exchange_in_progress",
        "Another call is exchanging the same public token.",
        "Retry the same call after `retry_after_seconds`; it returns the connection that the other call created.",
    ),
    _ours(
        Unavailable,
        "exchange_not_started",
        "The previous items of the call took too long, so this item was not started (only in `results`).",
        "Send this item in a new call.",
    ),
    # -- webhooks --
    _ours(
        Unauthenticated,
        "webhook_not_verified",
        "The signature is not from Plaid, does not match the body, or is older than five minutes.",
        "Nothing: only Plaid calls this function.",
    ),
    _ours(
        Unavailable,
        "webhook_key_unavailable",
        "Plaid's verification key could not be fetched.",
        "Nothing: Plaid retries the webhook.",
    ),
    _ours(
        Unavailable,
        "webhook_keys_busy",
        "Webhooks of this project named too many unknown verification keys within a minute.",
        "Nothing: Plaid retries the webhook.",
    ),
    # -- external services --
    _plaids(
        ErrorKind.TRY_LATER,
        "Plaid or the bank is temporarily unavailable.",
        "Retry after `retry_after_seconds`, or after a minute if the field is absent.",
    ),
    _plaids(
        ErrorKind.LOGIN_REQUIRED,
        "The user must act in Link; `display_message` may say how.",
        "Open Link, in update mode if the connection exists.",
    ),
    _plaids(
        ErrorKind.UNUSABLE,
        "Plaid reports that this login will never work again, or is not supported.",
        "Offer to link the bank again as a new connection.",
    ),
    _plaids(
        ErrorKind.CONFIGURATION,
        "The backend's keys or settings are wrong; neither the app nor the user caused the error.",
        REPORT,
    ),
    _ours(Unavailable, "store_unavailable", "Firestore did not respond.", LATER),
    _ours(Unavailable, "queue_unavailable", "Cloud Tasks did not accept a task.", LATER),
    _ours(BankError, "internal", "The backend has a bug. The error has been logged.", REPORT),
)

CATALOGUE: dict[str, Refusal] = {refusal.code: refusal for refusal in _ALL}
"""All entries by their code."""
