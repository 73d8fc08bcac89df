"""Decides who may create connections. All users may sync, repair, remove and erase the connections that they have.

The item of a public token is known only after the exchange, and every user may exchange the token of an item that they
have already. So a user who may not create connections is refused before the exchange if they have none, and otherwise
after it, when the new item is removed at Plaid.
"""

from dataclasses import dataclass

from shared.domain.caller import Caller
from shared.domain.errors import BankError, PermissionDenied
from shared.domain.item import ItemHeld
from shared.domain.plaid_token import PlaidToken
from shared.log import log
from shared.ports import Connections
from shared.usecases.item_ownership import ItemOwnership
from shared.usecases.linking.exchange_intent import ClaimedIntent
from shared.usecases.linking.store_new_token import plaid_details


@dataclass(frozen=True, slots=True, kw_only=True)
class MayConnect:
    """Refuses users who may not create connections.

    Attributes:
        allow_anonymous: Whether anonymous users may create connections.
        require_verified_email: Whether users with an e-mail address must have verified it.
    """

    allow_anonymous: bool
    require_verified_email: bool
    connections: Connections
    ownership: ItemOwnership

    def refusal_of(self, caller: Caller | None) -> PermissionDenied | None:
        """Tells why a caller may not create a connection.

        Args:
            caller: None if the backend acts by itself; it checked the user when it created the link token.

        Returns:
            The error to answer with; None if the caller may.
        """
        if caller is None:
            return None
        if caller.is_anonymous and not self.allow_anonymous:
            return PermissionDenied(
                "anonymous users cannot connect a bank: sign in first", code="anonymous_not_allowed"
            )
        if caller.email_verified is False and self.require_verified_email:
            return PermissionDenied(
                "verify the e-mail address, then refresh the ID token and send the call again",
                code="email_not_verified",
            )
        return None

    def refuse_new_bank(self, caller: Caller | None) -> None:
        """Refuses a caller who wants to link another bank.

        Raises:
            PermissionDenied: The caller may not create connections.
        """
        if (refused := self.refusal_of(caller)) is not None:
            raise refused

    def refuse_before_exchange(self, refused: PermissionDenied | None, claimed: ClaimedIntent) -> None:
        """Refuses a user without connections, for whom every item is new.

        Raises:
            PermissionDenied: The public token was not used.
        """
        if refused is None:
            return
        try:
            owned = self.connections.owned_by(claimed.intent.app_user_id)
        except Exception:  # Plaid was not called: the intent must not look like a lost token
            claimed.drop()
            raise
        if not owned:
            claimed.drop()
            raise refused

    def refuse_new_item(self, refused: PermissionDenied | None, claimed: ClaimedIntent, token: PlaidToken) -> None:
        """Refuses an item that no connection has, and removes it at Plaid; if that fails, the sweep removes it.

        Raises:
            PermissionDenied: The exchange was rolled back.
            Unavailable: Another call has taken the exchange over.
        """
        if refused is None:
            return
        claimed.write(claimed.intent.abandoned(now=claimed.clock.now()))
        try:
            self.ownership.remove(token, claimed.holder())
            self.ownership.release(claimed.holder())
            claimed.forget()
        except (BankError, ItemHeld) as error:
            log.warning("exchange.item_stays", item_id=claimed.intent.item_id, **plaid_details(error))
        raise refused
