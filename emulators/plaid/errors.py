"""Plaid's errors: the catalogue of codes and the body in which they are sent.

Source: plaid.com/docs/errors. Institution errors are HTTP 400, like most; only the rows below say otherwise.
"""

# ruff: noqa: S106, ISC004, E501 - codes with TOKEN in their names, and a table whose rows are long

from dataclasses import dataclass
from typing import Any

_AGAIN = "Please try connecting your account again."
_BANK = "This financial institution is not currently responding to requests. We apologize for the inconvenience."


@dataclass(frozen=True)
class Known:
    """One row of the catalogue."""

    error_type: str
    message: str
    status: int = 400
    display: str | None = None


def _rows(error_type: str, status: int = 400, **codes: str | tuple[str, str]) -> dict[str, Known]:
    return {
        code: Known(error_type, text, status) if isinstance(text, str) else Known(error_type, text[0], status, text[1])
        for code, text in codes.items()
    }


CATALOGUE: dict[str, Known] = {
    **_rows(
        "ITEM_ERROR",
        ITEM_LOGIN_REQUIRED=(
            "the login details of this item have changed (credentials, MFA, or required user action) and a user login "
            "is required to update this information. use Link's update mode to restore the item to a good state",
            "The login details of this account have changed. Please reconnect your account.",
        ),
        INVALID_CREDENTIALS=(
            "the provided credentials were not correct",
            "The credentials you provided were not correct.",
        ),
        INVALID_MFA=("the provided MFA response was not correct", "The response you provided was not correct."),
        INVALID_SEND_METHOD="the MFA send method was invalid",
        INVALID_OTP=("the provided one-time passcode was not correct", "The code you provided was not correct."),
        INVALID_PHONE_NUMBER=("the submitted phone number was invalid", "The phone number was not valid."),
        INVALID_UPDATED_USERNAME=(
            "the username is not the one this item was created with",
            "Please use the username this account was connected with.",
        ),
        INSUFFICIENT_CREDENTIALS=("not all credentials were provided", _AGAIN),
        USER_INPUT_TIMEOUT=("the user did not answer in time", _AGAIN),
        ITEM_LOCKED=(
            "the account is locked. prompt the user to visit the institution's site and unlock their account",
            "Your account is locked. Please visit your bank's website to unlock it.",
        ),
        USER_SETUP_REQUIRED=(
            "the account has not been fully set up",
            "Your account has not been fully set up. Please visit your bank's website to finish.",
        ),
        PASSWORD_RESET_REQUIRED=(
            "the user must reset their password",
            "Please reset your password at your bank and try again.",
        ),
        MANUAL_VERIFICATION_REQUIRED="the accounts must be verified by hand",
        ACCESS_NOT_GRANTED=(
            "access to this product was not granted for the account",
            "The user did not grant the necessary permissions for this product on their account.",
        ),
        NO_ACCOUNTS=("no valid accounts were found for this item", "No eligible accounts were found."),
        NO_AUTH_ACCOUNTS="no eligible checking or savings accounts were found for this item",
        NO_LIABILITY_ACCOUNTS="no liability accounts were found for this item",
        NO_INVESTMENT_ACCOUNTS="no investment accounts were found for this item",
        NO_INVESTMENT_AUTH_ACCOUNTS="no eligible investment accounts were found for this item",
        PRODUCTS_NOT_SUPPORTED="the requested product is not supported by this item",
        PRODUCT_NOT_ENABLED="the requested product was not enabled for the access token",
        PRODUCT_NOT_READY="the requested product is not yet ready. please provide a webhook or try the request again later",
        ITEM_NOT_FOUND="The Item you requested cannot be found. This Item does not exist, has been previously removed via "
        "/item/remove, or has had access removed by the user.",
        ITEM_CONCURRENTLY_DELETED="this item was deleted while the operation was in progress",
        ITEM_NOT_SUPPORTED=("this user is unable to be supported", "This account is not supported."),
        MFA_NOT_SUPPORTED="this account requires a kind of MFA that is not supported",
        INSTANT_MATCH_FAILED="the account could not be matched",
    ),
    **_rows(
        "INVALID_RESULT",
        LAST_UPDATED_DATETIME_OUT_OF_RANGE="requested datetime out of range",
    ),
    **_rows(
        "INVALID_INPUT",
        INVALID_ACCESS_TOKEN="could not find matching access token",
        INVALID_PUBLIC_TOKEN="could not find matching public token",
        INVALID_LINK_TOKEN="invalid link_token provided: the token is unknown, expired, or was already used",
        USER_PERMISSION_REVOKED="the holder of this account has revoked their permission for your application to access it",
        ADDITIONAL_CONSENT_REQUIRED="client does not have user consent to access the product",
        INVALID_ACCOUNT_ID="one or more of the account IDs in the request is invalid",
        INVALID_API_KEYS="invalid client_id or secret provided",
        UNAUTHORIZED_ENVIRONMENT="you are not authorized to create items in this api environment",
        UNAUTHORIZED_ROUTE_ACCESS="you are not authorized to access this route",
        INVALID_PRODUCT="client does not have access to the product, or the product is not valid here",
        INVALID_INSTITUTION="invalid institution_id provided",
        INVALID_LINK_CUSTOMIZATION="requested link customization is not set to update mode",
        DIRECT_INTEGRATION_NOT_ENABLED="your client ID is only authorized to use Plaid Link",
        INVALID_USER_ID="the user_id provided is not valid",
        INVALID_USER_TOKEN="the user_token provided is not valid",
        INVALID_WEBHOOK_VERIFICATION_KEY_ID="invalid key_id provided. note that key_ids are specific to Plaid environments, "
        "and verification requests must be made to the same environment that the webhook was sent from",
    ),
    **_rows("USER_ERROR", 403, INVALID_USER_IDENTITY_DATA="the identity data of the user is not valid"),
    **_rows(
        "INVALID_REQUEST",
        MISSING_FIELDS="required fields are missing",
        UNKNOWN_FIELDS="the request has fields that are not recognized by this endpoint",
        INVALID_FIELD="a field of the request is invalid",
        INVALID_BODY="body could not be parsed as JSON",
        INVALID_HEADERS="the Content-Type header is missing: it must be application/json",
        INVALID_CONFIGURATION="the request and your Plaid configuration do not agree",
        INCOMPATIBLE_API_VERSION="the requested API version does not support this",
        SANDBOX_ONLY="access to this endpoint is only available in the sandbox",
        INVALID_ACCOUNT_NUMBER="the provided account number was invalid",
    ),
    **_rows(
        "INVALID_REQUEST",
        404,
        NOT_FOUND="the requested endpoint does not exist",
        NO_LONGER_AVAILABLE="this endpoint is no longer available",
    ),
    **_rows(
        "TRANSACTIONS_ERROR",
        TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION="underlying transaction data changed since last page was fetched. "
        "please restart pagination from last update.",
    ),
    **_rows(
        "INSTITUTION_ERROR",
        INSTITUTION_DOWN=("this institution is not currently responding to this request. please try again soon", _BANK),
        INSTITUTION_NOT_RESPONDING=("this institution is not currently responding to this request", _BANK),
        INSTITUTION_NOT_AVAILABLE=("this institution is not currently available", _BANK),
        INSTITUTION_NO_LONGER_SUPPORTED=(
            "this institution is no longer supported",
            "This bank is no longer supported.",
        ),
        UNSUPPORTED_RESPONSE="the data returned from the financial institution is not valid",
        UNAUTHORIZED_INSTITUTION="not authorized to access this institution",
        INSTITUTION_REGISTRATION_REQUIRED="not yet registered to access this institution",
        INSTITUTION_NOT_ENABLED_IN_ENVIRONMENT="this institution is not enabled in this environment",
    ),
    **_rows(
        "RATE_LIMIT_EXCEEDED",
        429,
        RATE_LIMIT="rate limit exceeded for attempts to access this resource. please try again later",
        ACCOUNTS_LIMIT="rate limit exceeded for attempts to access accounts. please try again later",
        BALANCE_LIMIT="rate limit exceeded for attempts to access balances of this item. please try again later",
        ACCOUNTS_BALANCE_GET_LIMIT="rate limit exceeded for attempts to access balances. please try again later",
        AUTH_LIMIT="rate limit exceeded for attempts to access auth. please try again later",
        IDENTITY_LIMIT="rate limit exceeded for attempts to access identity. please try again later",
        INSTITUTIONS_GET_LIMIT="rate limit exceeded for attempts to get institutions. please try again later",
        INSTITUTIONS_GET_BY_ID_LIMIT="rate limit exceeded for attempts to get institutions by id. please try again later",
        INVESTMENT_HOLDINGS_GET_LIMIT="rate limit exceeded for attempts to access holdings. please try again later",
        INVESTMENT_TRANSACTIONS_LIMIT="rate limit exceeded for investment transactions. please try again later",
        ITEM_GET_LIMIT="rate limit exceeded for attempts to access this item. please try again later",
        TRANSACTIONS_LIMIT="rate limit exceeded for attempts to access transactions. please try again later",
        TRANSACTIONS_SYNC_LIMIT="rate limit exceeded for attempts to access this item. please try again later",
        TRANSACTIONS_REFRESH_LIMIT="rate limit exceeded for attempts to refresh transactions. please try again later",
        INSTITUTION_RATE_LIMIT="too many requests were made to the institution of this item. please try again later",
        ADDITION_LIMIT="addition limit exceeded for this client_id",
        CREDITS_EXHAUSTED="the credits of this client_id are used up",
        TRIAL_CONNECTION_LIMIT="the trial's connections are used up",
    ),
    **_rows("API_ERROR", 500, INTERNAL_SERVER_ERROR="an unexpected error occurred"),
    **_rows("API_ERROR", 503, PLANNED_MAINTENANCE="Plaid is undergoing planned maintenance. please try again later"),
    **_rows(
        "SANDBOX_ERROR",
        SANDBOX_WEBHOOK_INVALID="webhook could not be fired: the item has no webhook, or the code is not valid here",
        SANDBOX_PRODUCT_NOT_ENABLED="the requested product is not enabled for this item",
    ),
    **_rows("OAUTH_ERROR", INCORRECT_OAUTH_NONCE="nonce does not match", OAUTH_STATE_ID_NOT_FOUND="state id not found"),
    **_rows(
        "RECAPTCHA_ERROR", RECAPTCHA_REQUIRED="the institution requires a reCAPTCHA", RECAPTCHA_BAD="bad reCAPTCHA"
    ),
}
CATALOGUE["plaid-internal-error"] = CATALOGUE["INTERNAL_SERVER_ERROR"]


class PlaidError(Exception):
    """An error response of Plaid. Defaults come from the catalogue."""

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        error_type: str | None = None,
        status: int | None = None,
        display: str | None = None,
        reason: str | None = None,
    ) -> None:
        known = CATALOGUE.get(code, Known(error_type or "API_ERROR", "an error was asked for"))
        self.code = code
        self.error_type = error_type or known.error_type
        self.message = message or known.message
        self.status = status or known.status
        self.display = display or known.display
        self.reason = reason
        super().__init__(f"{self.error_type}/{code}: {self.message}")

    def answer(self, request_id: str) -> dict[str, Any]:
        """The seven keys of every HTTP error."""
        return {
            "display_message": self.display,
            "documentation_url": f"https://plaid.com/docs/?ref=error#{self.error_type.lower().replace('_', '-')}-errors",
            "error_code": self.code,
            "error_message": self.message,
            "error_type": self.error_type,
            "request_id": request_id,
            "suggested_action": None,
        }

    def inside(self) -> dict[str, Any]:
        """The form in webhooks and in `item.error`: with a status, without a request id."""
        return {
            "display_message": self.display,
            "error_code": self.code,
            "error_code_reason": self.reason,
            "error_message": self.message,
            "error_type": self.error_type,
            "status": self.status,
        }


def item_error(code: str, reason: str | None = None) -> PlaidError:
    """The error of an Item, always of type ITEM_ERROR."""
    error_type = "ITEM_ERROR" if code == "USER_PERMISSION_REVOKED" else None
    return PlaidError(code, error_type=error_type, reason=reason)
