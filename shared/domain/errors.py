"""The error tree. Every error that leaves the backend is one of these; any other exception is a bug.

    BankError                   canonical status, our stable code, a message that developers may see
    ├── InvalidArgument         400  the request is wrong
    │   ├── MethodNotAllowed    405
    │   └── PayloadTooLarge     413
    ├── Unauthenticated         401
    ├── PermissionDenied        403  the settings do not allow this user to do it
    ├── NotFound                404  it does not exist, or belongs to another user
    ├── AlreadyExists           409
    ├── FailedPrecondition      400  the request is right, the state is not: the user must act
    ├── ResourceExhausted       429  with retry_after_seconds
    ├── Unavailable             503  retry, after retry_after_seconds where known
    └── ServiceError                 an external service failed or refused; its kind says what can be done
        ├── VaultError               our key, or the key service, cannot be used
        └── ProviderError            Plaid refused or did not respond; translated in its adapter
            ├── PagingInterrupted    the data changed while it was being paged
            ├── EndlessPages         the pages form a loop, or there are too many
            └── CursorRejected       the cursor does not belong to this connection
    Conflict                         a compare-and-set failed; internal, never leaves the backend
    CommitTooLarge                   the commit is larger than the store accepts; internal
      NotStorable                    the store refuses a value of the commit; writing in parts shows which

Status names are Google's canonical codes: https://cloud.google.com/apis/design/errors#handling_errors
"""

from collections.abc import Iterable

from shared.domain.account import AccountName
from shared.domain.error_kinds import ErrorClass as ErrorClass
from shared.domain.error_kinds import ErrorKind as ErrorKind


class BankError(Exception):
    """An error that may be shown to the caller.

    Args:
        message: Safe to show a developer: no token, no vendor's text, no data of another user.
        code: Our own stable code, for programs.
        retry_after_seconds: When a retry may succeed, if known.
        connection_id: The connection the error is about, if the caller owns it.
        display_message: Plaid's sentence for the user, if there is one.
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

        An error that was raised from a provider's carries its type, code and request id, for Plaid's support.
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
    """The request is wrong; retrying it unchanged will not succeed."""

    status, http = "INVALID_ARGUMENT", 400


class MethodNotAllowed(InvalidArgument):
    """The path exists, but not with this method; `allowed` is the method to use."""

    http = 405

    def __init__(self, *, allowed: str) -> None:
        super().__init__(f"this path accepts {allowed} only", code="method_not_allowed")
        self.allowed = allowed


class PayloadTooLarge(InvalidArgument):
    """The body is larger than that of any valid request."""

    http = 413


class Unauthenticated(BankError):
    """There is no ID token, or Firebase does not accept it."""

    status, http = "UNAUTHENTICATED", 401


class PermissionDenied(BankError):
    """The user is signed in, but the backend's settings do not allow this user to make the call."""

    status, http = "PERMISSION_DENIED", 403


class NotFound(BankError):
    """The resource does not exist, or belongs to another user; the error does not reveal which."""

    status, http = "NOT_FOUND", 404


class AlreadyExists(BankError):
    """Accounts are already connected: `accounts` of the connection `connection_id`.

    Args:
        message, code, connection_id: See BankError.
        accounts: That connection's accounts, under its ids.
    """

    status, http = "ALREADY_EXISTS", 409

    def __init__(
        self, message: str, *, code: str, connection_id: str | None = None, accounts: Iterable[AccountName] = ()
    ) -> None:
        super().__init__(message, code=code, connection_id=connection_id)
        self.accounts = tuple(accounts)

    def details(self) -> dict[str, object]:
        """The details of BankError and `accounts`."""
        return super().details() | {"accounts": [{**account} for account in self.accounts]}


class FailedPrecondition(BankError):
    """The request is right, but the state is not; usually the user must act first."""

    status, http = "FAILED_PRECONDITION", 400


class ResourceExhausted(BankError):
    """Too many calls; `retry_after_seconds` says when the next one will be accepted."""

    status, http = "RESOURCE_EXHAUSTED", 429


class Unavailable(BankError):
    """An external service is down or busy; nothing was changed, so a retry is safe."""

    status, http = "UNAVAILABLE", 503


class ServiceError(BankError):
    """An external service failed, refused or did not respond.

    All decisions depend on the kind or the class; type and code are only data.

    Args:
        message, display_message, retry_after_seconds: See BankError.
        kind: The kind of the error.
        error_type, error_code: The service's own, for programs and support.
        request_id: The service's id of the failed request.
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
        """Whether the call may still have had its effect: the service did not respond, or with a server error."""
        return self.kind is ErrorKind.PLAID_DOWN

    @property
    def is_about_token(self) -> bool:
        """Whether Plaid does not know the access token: its item was removed, or the token was rotated."""
        return self.kind in (ErrorKind.UNKNOWN_TOKEN, ErrorKind.ITEM_GONE)


class VaultError(ServiceError):
    """Our key, or the key service, cannot be used: nothing can be sealed, opened or signed.

    Args:
        message, retry_after_seconds: See BankError.
        kind: TRY_LATER if the key service does not respond, else CONFIGURATION.
        error_code: The reason, for operators.
    """

    def __init__(
        self, message: str, *, kind: ErrorKind, error_code: str, retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(
            message, kind=kind, error_type="VAULT", error_code=error_code, retry_after_seconds=retry_after_seconds
        )


class ProviderError(ServiceError):
    """Plaid returned an error, or did not respond.

    `error_type` and `error_code` are Plaid's own (https://plaid.com/docs/errors/), and its support asks for the
    `request_id`.
    """

    def as_configuration_error(self) -> "ProviderError":
        """The same error as a configuration error of the backend: it changes no status or action, and is retried."""
        return ProviderError(
            "the backend is not configured for this; the error has been logged",
            kind=ErrorKind.CONFIGURATION,
            error_type=self.error_type,
            error_code=self.error_code,
            request_id=self.request_id,
        )


class PagingInterrupted(ProviderError):
    """Data changed between two pages: the loop restarts from the cursor of its first page."""


class EndlessPages(ProviderError):
    """A loop over the change log would never end; `error_code` says why."""

    def __init__(self, error_code: str, *, request_id: str | None, retry_after_seconds: int) -> None:
        super().__init__(
            "the bank's data cannot be read completely right now; the backend retries it later",
            kind=ErrorKind.TRY_LATER,
            error_type="BACKEND",
            error_code=error_code,
            request_id=request_id,
            retry_after_seconds=retry_after_seconds,
        )


class CursorRejected(ProviderError):
    """The cursor belongs to another item or token: the item is read again from the beginning, once."""


class Conflict(Exception):
    """Another writer was first: read again and decide again."""


class AlreadyThere(Conflict):
    """The document to be created already exists."""


class CommitTooLarge(Exception):
    """The commit is larger than the store accepts: write it in parts."""


class NotStorable(CommitTooLarge):
    """The store refuses a value of the commit: write it in parts, so that all other values are stored."""
