"""Checks and exchanges the items, one or several, that an app sends after Link."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from shared.domain.caller import Caller
from shared.domain.errors import BankError, PermissionDenied, Unavailable
from shared.ports import Clock
from shared.usecases.linking.check_link_token import CheckLinkToken
from shared.usecases.linking.exchange_public_token import Exchanged, ExchangePublicToken, LinkedItem
from shared.usecases.linking.may_connect import MayConnect

BEGIN_WITHIN = timedelta(seconds=30)  # of several items: Hosting waits 60 seconds for an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeItems:
    """Exchanges the items that an app sends.

    Attributes:
        allow_duplicates: Whether an app may request to connect accounts twice.
    """

    exchange: ExchangePublicToken
    check_link_token: CheckLinkToken
    may_connect: MayConnect
    allow_duplicates: bool
    clock: Clock

    def one(
        self, linked: LinkedItem, *, app_user_id: str, caller: Caller | None, count: Callable[[], None]
    ) -> Exchanged:
        """Exchanges one item.

        Args:
            linked: What Link returned.
            app_user_id: The user who calls.
            caller: What the ID token says about the user.
            count: Counts the exchange against the user's rate limit; raises ResourceExhausted when it is reached.

        Raises:
            BankError: Any error of `CheckLinkToken` and `ExchangePublicToken`.
        """
        refused = self.may_connect.refusal_of(caller)
        return self._exchanged(linked, app_user_id=app_user_id, refused=refused, count=count)

    def each(
        self,
        items: Sequence[LinkedItem],
        *,
        app_user_id: str,
        caller: Caller | None,
        count: Callable[[], None],
        unexpected: Callable[[], BankError],
    ) -> Iterator[Exchanged | BankError]:
        """Exchanges several items, one after the other, and yields an answer or an error for each.

        Args:
            items: What Link returned.
            app_user_id: The user who calls.
            caller: What the ID token says about the user.
            count: Counts each exchange against the user's rate limit.
            unexpected: Logs the exception that is being handled, and returns the error to answer with.
        """
        refused = self.may_connect.refusal_of(caller)
        until = self.clock.now() + BEGIN_WITHIN
        for linked in items:
            try:
                if self.clock.now() > until:
                    raise Unavailable(
                        "the previous items took too long: send this one again",
                        code="exchange_not_started",
                        retry_after_seconds=1,
                    )
                yield self._exchanged(linked, app_user_id=app_user_id, refused=refused, count=count)
            except BankError as error:
                yield error
            except Exception:  # noqa: BLE001 (earlier items are connected: their answers must not be lost)
                yield unexpected()

    def _exchanged(
        self,
        linked: LinkedItem,
        *,
        app_user_id: str,
        refused: PermissionDenied | None,
        count: Callable[[], None],
    ) -> Exchanged:
        count()
        region = self.check_link_token(linked.link_token, linked.public_token, app_user_id=app_user_id)
        allow_duplicate = linked.allow_duplicate and self.allow_duplicates
        allowed = replace(linked, allow_duplicate=allow_duplicate, region=region)
        return self.exchange(allowed, app_user_id=app_user_id, refused=refused)
