"""Who may make new connections. Every user keeps what they have: they can sync, repair, remove and erase it.

Which item a public token stands for is known only after its exchange, and exchanging the token of an item that the
user has already is allowed. So a user who may not make connections, and has none, is refused before the exchange; one
who has some is refused after it, and the new item is removed at Plaid.
"""

from shared.domain.caller import Caller
from shared.domain.errors import BankError, PermissionDenied, ProviderError
from shared.domain.item import ItemHeld
from shared.domain.secret import Secret
from shared.log import log
from shared.ports import Connections
from shared.usecases.item_ownership import ItemOwnership
from shared.usecases.linking.exchange_intent import HeldIntent


def refusal_of(
    caller: Caller | None, *, allow_anonymous: bool, require_verified_email: bool
) -> PermissionDenied | None:
    """Why a caller may not make a connection.

    Args:
        caller: None where the backend acts by itself: it was the link token that was asked for by the user.
        allow_anonymous: Whether anonymous users may.
        require_verified_email: Whether users with an e-mail address must have verified it.

    Returns:
        The error to answer with; None if the caller may.
    """
    if caller is None:
        return None
    if caller.is_anonymous and not allow_anonymous:
        return PermissionDenied("anonymous users cannot connect a bank: sign in first", code="anonymous_not_allowed")
    if caller.email_verified is False and require_verified_email:
        return PermissionDenied(
            "verify the e-mail address, then refresh the ID token and send the call again", code="email_not_verified"
        )
    return None


def refuse_before_exchange(refused: PermissionDenied | None, held: HeldIntent, *, connections: Connections) -> None:
    """Refuses a user without connections: whatever item the public token stands for, it is a new one.

    Raises:
        PermissionDenied: The public token was not used.
    """
    if refused is None:
        return
    try:
        owned = connections.owned_by(held.intent.app_user_id)
    except Exception:  # Plaid has not been called: nothing may be left that looks like a lost token
        held.drop()
        raise
    if not owned:
        held.drop()
        raise refused


def refuse_new_item(
    refused: PermissionDenied | None, held: HeldIntent, token: Secret, *, ownership: ItemOwnership
) -> None:
    """Refuses an item that no connection has, and removes it at Plaid; what cannot be removed now, the sweep removes.

    Raises:
        PermissionDenied: The exchange has come to nothing.
        Unavailable: Another call has taken the exchange over.
    """
    if refused is None:
        return
    held.write(held.intent.abandoned(now=held.clock.now()))
    try:
        ownership.remove(token, held.holder())
        ownership.release(held.holder())
        held.forget()
    except (BankError, ItemHeld) as error:
        plaid = (
            {"error_code": error.error_code, "request_id": error.request_id} if isinstance(error, ProviderError) else {}
        )
        log.warning("exchange.item_stays", item_id=held.intent.item_id, **plaid)
    raise refused
