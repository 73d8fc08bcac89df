"""The kinds of errors of external services, and what can be done about them.

Plaid's error codes are translated to kinds in shared/adapters/plaid/errors.py; what a kind does to the status of a
connection is in shared/domain/status.py.
"""

from enum import StrEnum


class ErrorClass(StrEnum):
    """What can be done about an error of an external service."""

    TRANSIENT = "transient"  # a retry helps, in seconds to hours
    USER = "user"  # only the user can help, in Link or at the bank
    TERMINAL = "terminal"  # this item or token will never work again
    CONFIGURATION = "configuration"  # wrong keys or plan, or a bug: an operator must act, not the user


class ErrorKind(StrEnum):
    """The kinds of errors that the backend handles differently."""

    LOGIN_REQUIRED = "login_required"  # the user must log in again, in update mode
    NO_ACCOUNTS = "no_accounts"  # the user must share accounts again, in update mode
    ADDITIONAL_CONSENT = "additional_consent"  # the user must consent to more data; the login works
    LINK_AGAIN = "link_again"  # this session of Link cannot be finished
    PUBLIC_TOKEN_INVALID = "public_token_invalid"  # noqa: S105 (no secret)
    UNKNOWN_TOKEN = "unknown_token"  # the item was removed, or our Plaid keys are wrong  # noqa: S105
    ITEM_GONE = "item_gone"  # Plaid does not have the item
    ITEM_BEING_REMOVED = "item_being_removed"  # it was removed during the call
    PERMISSION_REVOKED = "permission_revoked"  # the user withdrew the permission at Plaid
    UNUSABLE = "unusable"  # the item will never deliver transactions
    INSTITUTION_DOWN = "institution_down"
    PLAID_DOWN = "plaid_down"  # no response, or a server error: the call may have had its effect
    TRY_LATER = "try_later"  # rate limits, data that is not ready, unknown errors of one item
    PLAID_ACCOUNT = "plaid_account"  # our keys, environment or plan at Plaid are wrong
    INSTITUTION_UNKNOWN = "institution_unknown"  # Plaid does not know it in the configured countries
    INSTITUTION_NOT_ENABLED = "institution_not_enabled"  # our Plaid account is not registered there
    CONFIGURATION = "configuration"  # any other error of our configuration
    # Errors of one product's endpoint: they say nothing about the connection (shared/domain/products/outcomes.py).
    PRODUCT_UNSUPPORTED = "product_unsupported"  # the bank does not deliver it
    PRODUCT_NO_ACCOUNTS = "product_no_accounts"  # no account of the item has such data
    PRODUCT_CONSENT = "product_consent"  # the user must allow it, in update mode
    PRODUCT_NOT_ENABLED = "product_not_enabled"  # our Plaid account does not have it
    PRODUCT_NOT_READY = "product_not_ready"  # Plaid is still fetching it

    @property
    def error_class(self) -> ErrorClass:
        """What can be done about it."""
        return _CLASSES[self]


_KINDS = {
    ErrorClass.TRANSIENT: (
        ErrorKind.INSTITUTION_DOWN,
        ErrorKind.PLAID_DOWN,
        ErrorKind.TRY_LATER,
        ErrorKind.PRODUCT_NOT_READY,
    ),
    ErrorClass.USER: (
        ErrorKind.LOGIN_REQUIRED,
        ErrorKind.NO_ACCOUNTS,
        ErrorKind.ADDITIONAL_CONSENT,
        ErrorKind.LINK_AGAIN,
        ErrorKind.PUBLIC_TOKEN_INVALID,
        ErrorKind.PRODUCT_NO_ACCOUNTS,
        ErrorKind.PRODUCT_CONSENT,
    ),
    ErrorClass.TERMINAL: (
        ErrorKind.UNKNOWN_TOKEN,
        ErrorKind.ITEM_GONE,
        ErrorKind.ITEM_BEING_REMOVED,
        ErrorKind.PERMISSION_REVOKED,
        ErrorKind.UNUSABLE,
        ErrorKind.PRODUCT_UNSUPPORTED,
    ),
    ErrorClass.CONFIGURATION: (
        ErrorKind.PLAID_ACCOUNT,
        ErrorKind.INSTITUTION_UNKNOWN,
        ErrorKind.INSTITUTION_NOT_ENABLED,
        ErrorKind.CONFIGURATION,
        ErrorKind.PRODUCT_NOT_ENABLED,
    ),
}
_CLASSES = {kind: error_class for error_class, kinds in _KINDS.items() for kind in kinds}
