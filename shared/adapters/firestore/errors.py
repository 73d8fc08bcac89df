"""Translates Firestore's errors to the domain's."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from google.api_core import exceptions

from shared.domain.errors import NotStorable, Unavailable

OUTAGES = (exceptions.ServerError, exceptions.TooManyRequests, exceptions.RetryError)
Adapter = TypeVar("Adapter", bound=type)


def unavailable() -> Unavailable:
    """The error while Firestore does not respond."""
    return Unavailable("Firestore did not respond; retry later", code="store_unavailable", retry_after_seconds=5)


def translates_outages(adapter: Adapter) -> Adapter:
    """Makes an adapter's public methods raise Unavailable for outages, and NotStorable for refused names or values.

    Refused values came from a user or a bank, so Firestore's INVALID_ARGUMENT is neither an outage nor a bug.
    """
    for name, method in list(vars(adapter).items()):
        if callable(method) and not name.startswith("_"):
            setattr(adapter, name, _translating(method))
    return adapter


def _translating(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def translating(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except OUTAGES as error:
            raise unavailable() from error
        except exceptions.InvalidArgument as error:
            raise NotStorable from error

    return translating
