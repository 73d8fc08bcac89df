"""Rate limits of users: calls of one kind per minute (in Firestore), and refused calls per minute (in memory)."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from shared.domain.errors import BankError, NotStorable, ResourceExhausted
from shared.serving import container


def limited(uid: str, action: str, per_minute: int) -> None:
    """Counts a call against the user's limit.

    Raises:
        ResourceExhausted: The limit is reached; the refused call is not counted.
    """
    wait = container.limits().spend(uid, action, per_minute=per_minute, now=container.clock().now())
    if wait is not None:
        raise ResourceExhausted("too many calls; retry later", code="rate_limited", retry_after_seconds=wait)


def check_refused_calls(id_token: str, uid: str | None = None) -> None:
    """Refuses the call if too many calls of the user were refused within a minute.

    Args:
        id_token: The ID token of the call.
        uid: The user, once the token is verified.

    Raises:
        ResourceExhausted: Too many of the user's calls were refused.
    """
    wait = container.refused_calls().wait(id_token, uid, now=container.clock().now())
    if wait is not None:
        raise ResourceExhausted("too many refused calls; retry later", code="rate_limited", retry_after_seconds=wait)


@contextmanager
def count_if_refused(uid: str) -> Iterator[None]:
    """Counts the call if an error of the caller (not of the backend) leaves the block."""
    try:
        yield
    except (BankError, NotStorable) as error:
        if not isinstance(error, BankError) or error.http < HTTPStatus.INTERNAL_SERVER_ERROR:
            container.refused_calls().add(uid, now=container.clock().now())
        raise
