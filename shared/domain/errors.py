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
    └── ServiceError                 a service outside failed or refused; its kind says what can be done
        ├── VaultError               a key of ours, or the service that keeps it, cannot be used
        └── ProviderError            Plaid refused or did not answer; translated once, in its adapter
            ├── PagingInterrupted    the data changed while it was being paged
            ├── EndlessPages         the pages lead in a circle, or there are too many
            └── CursorRejected       the cursor is not (or no longer) this connection's
    Conflict                         a compare-and-set lost; internal, never leaves the backend
    CommitTooLarge                   the store cannot take that much at once; internal
      NotStorable                    it refuses something in a commit for what it is; in parts, it tells what

Status names are Google's canonical codes: https://cloud.google.com/apis/design/errors#handling_errors
"""

from collections.abc import Iterable

from shared.domain.account import AccountName
from shared.domain.error_kinds import ErrorClass as ErrorClass
from shared.domain.error_kinds import ErrorKind as ErrorKind


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


class ServiceError(BankError):
    """A service outside failed, refused or did not answer.

    Whatever is decided about it is decided by its kind or its class; type and code are data.

    Args:
        message: As of every BankError.
        kind: What it is.
        error_type, error_code: The service's own, for programs and support.
        request_id: The service's id of the failed request.
        display_message, retry_after_seconds: As of every BankError.
    """

    status, http = "UNAVAILABLE", 503

    def __init__(
        self,
        message: str,
        *,
        kind: ErrorKind,
        error_type: str,
        error_code: str,
        request_id: str | None = None,
        display_message: str | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        self.kind = kind
        self.error_class = kind.error_class
        code = {
            ErrorClass.TRANSIENT: "bank_unavailable",
            ErrorClass.USER: "user_action_required",
            ErrorClass.TERMINAL: "connection_unusable",
            ErrorClass.CONFIGURATION: "backend_misconfigured",
        }[self.error_class]
        super().__init__(message, code=code, retry_after_seconds=retry_after_seconds, display_message=display_message)
        self.error_type = error_type
        self.error_code = error_code
        self.request_id = request_id
        if self.error_class in (ErrorClass.USER, ErrorClass.TERMINAL):
            self.status, self.http = "FAILED_PRECONDITION", 400

    @property
    def may_have_happened(self) -> bool:
        """Whether the call may have had its effect all the same: no answer came, or that of a breakdown."""
        return self.kind is ErrorKind.PLAID_DOWN

    @property
    def is_about_token(self) -> bool:
        """Whether Plaid does not know the access token (any more). It says so of a token that was replaced, too."""
        return self.kind in (ErrorKind.UNKNOWN_TOKEN, ErrorKind.ITEM_GONE)


class VaultError(ServiceError):
    """A key of ours, or the service that keeps it, cannot be used: nothing is sealed, opened or signed.

    Args:
        message, retry_after_seconds: As of every BankError.
        kind: TRY_LATER if the key service does not answer, else CONFIGURATION.
        error_code: Why, for operators.
    """

    def __init__(
        self, message: str, *, kind: ErrorKind, error_code: str, retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(
            message, kind=kind, error_type="VAULT", error_code=error_code, retry_after_seconds=retry_after_seconds
        )


class ProviderError(ServiceError):
    """An error answer of Plaid, or no answer.

    `error_type` and `error_code` are Plaid's own (https://plaid.com/docs/errors/), and its support asks for the
    `request_id`.
    """

    def as_configuration_error(self) -> "ProviderError":
        """The same error, taken for one of our own set-up: no status, no action, retried."""
        return ProviderError(
            "the backend is not set up for this; it has been recorded",
            kind=ErrorKind.CONFIGURATION,
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
            kind=ErrorKind.TRY_LATER,
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
