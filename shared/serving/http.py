"""HTTP as the contract defines it: routes, inputs, replies and responses.

An HTTP function serves two protocols with one handler: REST, on its path under `/api/v1/` (through Hosting), and the
callable protocol of the Firebase client SDKs (https://firebase.google.com/docs/functions/callable-reference) on its
own URL. `request_fields.py` reads both.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from flask import Response
from pydantic import BaseModel, ConfigDict, model_validator

from shared.domain.errors import BankError, MethodNotAllowed, NotFound
from shared.serving.declared_errors import AUTHENTICATED_ERRORS, INTERNAL_ERRORS

REQUEST_ID = "X-Request-Id"  # a header of every response: `make trace` finds the request's log lines by it


class StrictInput(BaseModel):
    """The input of a function: rejects unknown fields and converts no values."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, given: Any) -> Any:
        """Removes null fields, because the SDKs send undefined fields as null."""
        if not isinstance(given, dict):
            return given
        return {name: value for name, value in given.items() if value is not None or name not in cls.model_fields}


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply of a handler: the body and the REST status (the callable protocol only has 200)."""

    body: dict[str, Any]
    status: int = 200


@dataclass(frozen=True, slots=True)
class Route:
    """The REST route of a function, and the errors that it may return.

    Attributes:
        method: The HTTP method.
        path: The URL's path. A `{name}` in it becomes a field of the input.
        lists: Query fields that may be repeated.
        errors: Codes of the function's own errors; those of its kind are added (`declared_errors.py`).
        public: The function is not for signed-in users: it is a `public_endpoint`.
    """

    method: str
    path: str
    lists: frozenset[str] = field(default_factory=frozenset)
    errors: tuple[str, ...] = ()
    public: bool = False

    @property
    def declared_errors(self) -> tuple[str, ...]:
        """The codes of all errors that the function may return."""
        return (*(INTERNAL_ERRORS if self.public else AUTHENTICATED_ERRORS), *self.errors)

    def match(self, path: str) -> dict[str, str] | None:
        """The path's fields; None if this route does not serve the path."""
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.path))
        found = re.fullmatch(pattern, path)
        return found.groupdict() if found else None


def path_not_found() -> NotFound:
    """The error for a path that no function serves."""
    return NotFound("no function has this path", code="path_not_found")


def json_response(body: dict[str, Any], status: int = 200) -> Response:
    """A JSON response without caching, because many responses contain tokens or user data."""
    response = Response(json.dumps(body), status=status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def error_response(error: BankError) -> Response:
    """An error response in the contract's form, which is also that of the callable protocol."""
    response = json_response({"error": error.form()}, error.http)
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = error.allowed
    if error.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    return response
