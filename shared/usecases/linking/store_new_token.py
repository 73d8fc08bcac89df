"""Stores the access token that Plaid returned, or removes its item, whatever else fails.

An item whose token is lost can never be removed, and is billed for as long as it exists. But an item that another
connection uses is never removed: after Link's update mode, the token belongs to an item that is connected already.
"""

from collections.abc import Callable
from dataclasses import dataclass

from shared.domain.connection import SealedToken
from shared.domain.errors import BankError, Conflict, ProviderError
from shared.domain.plaid_token import PlaidToken
from shared.log import log
from shared.ports import NewItem
from shared.usecases.item_ownership import ItemOwnership
from shared.usecases.linking.exchange_intent import ClaimedIntent, in_progress

WAITS = (0.3, 1.0, 3.0)  # seconds between tries: meanwhile the store or Plaid may recover


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreNewToken:
    """Stores the access tokens of new items, or removes the items."""

    ownership: ItemOwnership
    sleep: Callable[[float], None]

    def __call__(self, item: NewItem, *, claimed: ClaimedIntent, seal: Callable[[PlaidToken], SealedToken]) -> None:
        """Stores the token of a new item in the intent, or removes the item; retries both, alternately.

        Raises:
            ItemHeld: The item belongs to another connection: the token was not stored, and the item stays.
            Unavailable: Another call continues with the token; or the token could not be stored, and the item was
                removed (or, if neither the store nor Plaid answered, logged as an orphan).
        """
        for wait in (*WAITS, None):
            try:
                if claimed.store_new_token(seal(item.access_token), item_id=item.item_id):
                    log.info("token.exchanged", connection_id=claimed.intent.connection_id, item_id=item.item_id)
                    return
            except Exception as error:  # noqa: BLE001 (after any error, the item must not stay without a token)
                failure = error
            else:
                raise in_progress()
            if self._removed(item, claimed):
                claimed.forget_if_possible()
                break
            if wait is None:
                log.error("exchange.orphan", item_id=item.item_id, intent_id=claimed.intent.intent_id)
                break
            self.sleep(wait)
        raise in_progress() if isinstance(failure, Conflict) else failure

    def _removed(self, item: NewItem, claimed: ClaimedIntent) -> bool:
        """Removes the item at Plaid; False if that failed, or if the store does not tell who holds the item.

        Raises:
            ItemHeld: The item belongs to another connection.
        """
        holder = claimed.holder(item.item_id)
        try:
            claimed.holder_version = self.ownership.claim(holder)
            self.ownership.remove(item.access_token, holder)
        except BankError as error:
            log.warning("exchange.item_stays", item_id=item.item_id, **plaid_details(error))
            return False
        log.warning("exchange.item_removed", item_id=item.item_id)
        self.ownership.release_if_possible(holder)
        return True


def plaid_details(error: Exception) -> dict[str, str | None]:
    """The log fields of a Plaid error; empty for other errors."""
    if not isinstance(error, ProviderError):
        return {}
    return {"error_code": error.error_code, "request_id": error.request_id}
