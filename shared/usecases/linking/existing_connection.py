"""Handles an exchanged item that has a connection already, as after Link's update mode: drops the new token."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from shared.domain.errors import BankError, InvalidArgument, NotFound, Unavailable
from shared.domain.item import ItemHolder
from shared.log import log
from shared.ports import Connections, Intents
from shared.usecases.linking.exchange_intent import ClaimedIntent, in_progress, unknown_token

STORE_TRIES = 3


class Reconnect(Protocol):
    """Refreshes a connection after Link's update mode, as `POST …/reconnected` does."""

    def __call__(self, connection_id: str, *, app_user_id: str) -> object:
        """Raises NotFound if the user has no such connection, and the errors of the refresh itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingConnection:
    """Answers with the connection that has the item, and refreshes its status as `reconnected` does."""

    connections: Connections
    intents: Intents
    reconnect: Reconnect

    def resolve(self, claimed: ClaimedIntent, holder: ItemHolder) -> dict[str, Any]:
        """Drops the new token, and answers with the connection that has the item.

        Raises:
            InvalidArgument: The item belongs to another user, or its connection is being removed.
            FailedPrecondition: The connection cannot be repaired: the user has to link the bank again.
            ServiceError: Plaid or the vault did not answer; the same call can be sent again.
            Unavailable: Another call is exchanging the item, or the store did not answer.
        """
        for tries_left in reversed(range(STORE_TRIES)):
            try:
                claimed.write(claimed.intent.held_by(holder))
                break
            except Unavailable:  # the public token is used: without a stored answer the exchange would look lost
                if not tries_left:
                    raise
        log.info("exchange.item_in_use", connection_id=holder.connection_id, item_id=holder.item_id)
        return self.answer(claimed)

    def answer(self, claimed: ClaimedIntent) -> dict[str, Any]:
        """Answers an exchange whose existing connection was found before.

        Raises:
            InvalidArgument, FailedPrecondition, ServiceError, Unavailable: The errors of `resolve`.
        """
        intent = claimed.intent
        if intent.item_of is None:
            raise InvalidArgument("this bank login belongs to another user", code="public_token_not_yours")
        try:
            self.reconnect(intent.item_of, app_user_id=intent.app_user_id)
        except NotFound:
            raise self._no_connection(intent.item_of, intent.app_user_id) from None
        connection = self.connections.find(intent.item_of)
        if connection is None:
            raise unknown_token()
        answer = connection.answer()
        with suppress(BankError):  # then the next call refreshes the status again
            claimed.write(intent.connected(answer))
        return answer

    def _no_connection(self, connection_id: str, app_user_id: str) -> BankError:
        """The error for a connection that another call is still creating, or that is being removed."""
        for intent, _ in self.intents.of_user(app_user_id):
            if intent.connection_id == connection_id and intent.answer is None:
                return in_progress()
        return unknown_token()
