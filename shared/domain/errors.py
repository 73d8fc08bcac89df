"""The error tree. Every refusal that leaves the backend is one of these; whatever else escapes is a bug.

    BankError                   canonical status, our stable code, a message that is safe to show a developer
    ├── InvalidArgument         400  the call itself is wrong
    │   ├── MethodNotAllowed    405
    │   └── PayloadTooLarge     413
    ├── Unauthenticated         401
    ├── PermissionDenied        403  this user may not do it, whoever they are; settings say who may
    ├── NotFound                404  also: somebody else's
    ├── AlreadyExists           409
    ├── FailedPrecondition      400  right call, wrong state; the user has to act
    ├── ResourceExhausted       429  with retry_after_seconds
    ├── Unavailable             503  try again, with retry_after_seconds where known
    └── ProviderError                what Plaid refused, translated once, in its adapter
        ├── PagingInterrupted        the data changed while it was being paged
        ├── EndlessPages             the pages lead in a circle, or there are too many
        └── CursorRejected           the cursor is not (or no longer) this connection's
    Conflict                         a compare-and-set lost; internal, never leaves the backend
    CommitTooLarge                   the store cannot take that much at once; internal
      NotStorable                    it refuses something in a commit for what it is; in parts, it tells what

Status names are Google's canonical codes: https://cloud.google.com/apis/design/errors#handling_errors
"""

from collections.abc import Iterable
from enum import StrEnum

from shared.domain.account import AccountName
from shared.domain.connection import Action, ItemStatus


class BankError(Exception):
    """An error that may be shown to the caller.

    Args:
        message: Safe to show a developer: no token, no vendor's text, nothing of another user.
        code: Our own stable code, for programs.
        retry_after_seconds: When trying again may help, if known.
        connection_id: The connection the error is about, if the caller owns it.
        display_message: A sentence of Plaid's that is meant for the user, if there is one.
    """

    status = "INTERNAL"
    http = 500

    def __init__(
        self,
        message: str,
        *,
        code: str,
        retry_after_seconds: int | None = None,
        connection_id: str | None = None,
        display_message: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.retry_after_seconds = retry_after_seconds
        self.connection_id = connection_id
        self.display_message = display_message

    def details(self) -> dict[str, object]:
        """The `details` object of the contract's error form; absent values are left out.

        An error raised from a provider's keeps that one's type, code and request id: support asks for them.
        """
        provider = self if isinstance(self, ProviderError) else self.__cause__
        plaid = None
        if isinstance(provider, ProviderError) and provider.request_id is not None:
            plaid = {name: getattr(provider, name) for name in ("error_type", "error_code", "request_id")}
        optional = {
            "display_message": self.display_message,
            "retry_after_seconds": self.retry_after_seconds,
            "connection_id": self.connection_id,
            "plaid": plaid,
        }
        return {"code": self.code} | {k: v for k, v in optional.items() if v is not None}

    def form(self) -> dict[str, object]:
        """The contract's error form, without its envelope."""
        return {"status": self.status, "message": self.message, "details": self.details()}


class InvalidArgument(BankError):
    """The call itself is wrong; sending it again unchanged cannot help."""

    status, http = "INVALID_ARGUMENT", 400


class MethodNotAllowed(InvalidArgument):
    """The path exists, the method does not; `allowed` does."""

    http = 405

    def __init__(self, *, allowed: str) -> None:
        super().__init__(f"only {allowed} is answered here", code="method_not_allowed")
        self.allowed = allowed


class PayloadTooLarge(InvalidArgument):
    """The body is larger than any honest call needs."""

    http = 413


class Unauthenticated(BankError):
    """No ID token, or one that Firebase does not vouch for."""

    status, http = "UNAUTHENTICATED", 401


class PermissionDenied(BankError):
    """The user is signed in, and the settings of the backend do not allow the call to such users."""

    status, http = "PERMISSION_DENIED", 403


class NotFound(BankError):
    """It does not exist, or belongs to somebody else: the answer is the same."""

    status, http = "NOT_FOUND", 404


class AlreadyExists(BankError):
    """Accounts are connected already: `accounts` of the connection `connection_id`.

    Args:
        message, code, connection_id: As of every BankError.
        accounts: That connection's accounts, under its ids.
    """

    status, http = "ALREADY_EXISTS", 409

    def __init__(
        self, message: str, *, code: str, connection_id: str | None = None, accounts: Iterable[AccountName] = ()
    ) -> None:
        super().__init__(message, code=code, connection_id=connection_id)
        self.accounts = tuple(accounts)

    def details(self) -> dict[str, object]:
        """With `accounts`."""
        return super().details() | {"accounts": [{**account} for account in self.accounts]}


class FailedPrecondition(BankError):
    """The call is right but the state is not; usually the user has to do something first."""

    status, http = "FAILED_PRECONDITION", 400


class ResourceExhausted(BankError):
    """Too many calls; `retry_after_seconds` says when the next one will pass."""

    status, http = "RESOURCE_EXHAUSTED", 429


class Unavailable(BankError):
    """Something outside is down or busy; nothing was changed, try again."""

    status, http = "UNAVAILABLE", 503


class ErrorClass(StrEnum):
    """What can be done about a provider's error."""

    TRANSIENT = "transient"  # trying again helps, in seconds to hours
    USER = "user"  # only the user can help, in Link or at the bank
    TERMINAL = "terminal"  # this item or token will never work again
    CONFIGURATION = "configuration"  # keys, plan or a bug of ours: an operator's matter, no user is blamed


class ProviderError(BankError):
    """An error answer of Plaid, or no answer, in our words.

    Args:
        error_class: What can be done about it.
        error_type, error_code: Plaid's own (https://plaid.com/docs/errors/), for programs and support.
        request_id: Plaid's id of the failed request: its support asks for it.
        item_status: The status that the error gives the connection; None leaves it as it is.
        action: What the user can do about it.
    """

    status, http = "UNAVAILABLE", 503

    def __init__(
        self,
        message: str,
        *,
        error_class: ErrorClass,
        error_type: str,
        error_code: str,
        request_id: str | None = None,
        item_status: ItemStatus | None = None,
        action: Action | None = None,
        display_message: str | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        code = {
            ErrorClass.TRANSIENT: "bank_unavailable",
            ErrorClass.USER: "user_action_required",
            ErrorClass.TERMINAL: "connection_unusable",
            ErrorClass.CONFIGURATION: "backend_misconfigured",
        }[error_class]
        super().__init__(message, code=code, retry_after_seconds=retry_after_seconds, display_message=display_message)
        self.error_class = error_class
        self.error_type = error_type
        self.error_code = error_code
        self.request_id = request_id
        self.item_status = item_status
        self.action = action
        if error_class in (ErrorClass.USER, ErrorClass.TERMINAL):
            self.status, self.http = "FAILED_PRECONDITION", 400

    @property
    def may_have_happened(self) -> bool:
        """Whether what was asked for may have been done all the same: no answer came, or that of a breakdown."""
        return self.error_type in ("TRANSPORT", "API_ERROR")

    @property
    def is_about_token(self) -> bool:
        """Whether Plaid does not know the access token (any more); so it answers for a token that was replaced, too."""
        return self.error_code in ("INVALID_ACCESS_TOKEN", "ITEM_NOT_FOUND")

    @property
    def may_be_our_keys(self) -> bool:
        """Whether wrong keys of ours, or another environment's, are answered just like this, for every item at once."""
        return self.error_code == "INVALID_ACCESS_TOKEN"

    def as_configuration_error(self) -> "ProviderError":
        """The same error, taken for a fault of our own set-up: no status, no action, tried again."""
        return ProviderError(
            "the backend is not set up for this; it has been recorded",
            error_class=ErrorClass.CONFIGURATION,
            error_type=self.error_type,
            error_code=self.error_code,
            request_id=self.request_id,
        )


class PagingInterrupted(ProviderError):
    """Data changed between two pages: the loop starts again from the cursor of its first page."""


class EndlessPages(ProviderError):
    """A loop over the change log cannot end: `error_code` says how that was found."""

    def __init__(self, error_code: str, *, request_id: str | None, retry_after_seconds: int) -> None:
        super().__init__(
            "the bank's data has no end right now; it is read again later",
            error_class=ErrorClass.TRANSIENT,
            error_type="BACKEND",
            error_code=error_code,
            request_id=request_id,
            retry_after_seconds=retry_after_seconds,
        )


class CursorRejected(ProviderError):
    """The cursor belongs to another item or token: the item is read again from the beginning, once."""


class Conflict(Exception):
    """Somebody else wrote first: read again and decide again."""


class AlreadyThere(Conflict):
    """What was to be made is there."""


class CommitTooLarge(Exception):
    """More than the store takes in one commit: write it in parts."""


class NotStorable(CommitTooLarge):
    """The store refuses something in a commit for what it is: written in parts, all the rest is taken."""
