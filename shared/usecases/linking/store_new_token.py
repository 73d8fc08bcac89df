"""Plaid has handed out an access token: it is stored, or its item is removed, whatever else fails.

An item whose token nobody has cannot be removed by anybody, and is billed for as long as it lives. But an item that
another connection uses is never removed: Link's update mode hands out the token of an item that is connected already.
"""

from collections.abc import Callable

from shared.domain.connection import SealedToken
from shared.domain.errors import BankError, Conflict, ProviderError
from shared.domain.secret import Secret
from shared.log import log
from shared.ports import NewItem
from shared.usecases.item_ownership import ItemOwnership
from shared.usecases.linking.exchange_intent import HeldIntent, in_progress

WAITS = (0.3, 1.0, 3.0)  # seconds, between rounds: within them one of the two sides may be back


def store_new_token(
    item: NewItem,
    *,
    held: HeldIntent,
    seal: Callable[[Secret], SealedToken],
    ownership: ItemOwnership,
    sleep: Callable[[float], None],
) -> None:
    """Stores the token of a new item in the intent; where that fails, removes the item; and so on, in turns.

    Raises:
        ItemHeld: The item belongs to another connection: the token was not stored, and the item stays.
        Unavailable: Another call goes on with the token; or it could not be stored, and the item is gone again (or,
            if neither side could be reached, reported).
    """
    for wait in (*WAITS, None):
        try:
            if held.store_new_token(seal(item.access_token), item_id=item.item_id):
                log.info("token.exchanged", connection_id=held.intent.connection_id, item_id=item.item_id)
                return
        except Exception as error:  # noqa: BLE001 (whatever it was, the item must not stay without a token)
            failure = error
        else:
            raise in_progress()
        if _removed(item, held=held, ownership=ownership):
            held.forget_if_possible()
            break
        if wait is None:
            log.error("exchange.orphan", item_id=item.item_id, intent_id=held.intent.intent_id)
            break
        sleep(wait)
    raise in_progress() if isinstance(failure, Conflict) else failure


def _removed(item: NewItem, *, held: HeldIntent, ownership: ItemOwnership) -> bool:
    """Whether the item is gone at Plaid. While the store does not say whose it is, it stays.

    Raises:
        ItemHeld: It belongs to another connection.
    """
    holder = held.holder(item.item_id)
    try:
        held.held = ownership.claim(holder)
        ownership.remove(item.access_token, holder)
    except BankError as error:
        plaid = (
            {"error_code": error.error_code, "request_id": error.request_id} if isinstance(error, ProviderError) else {}
        )
        log.warning("exchange.item_stays", item_id=item.item_id, **plaid)
        return False
    log.warning("exchange.item_removed", item_id=item.item_id)
    ownership.release_if_possible(holder)
    return True
