"""The exchanged item belongs to another connection already, as after Link's update mode: the token is not kept."""

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
    """Checks a connection after Link's update mode, as `POST …/reconnected` does."""

    def __call__(self, connection_id: str, *, app_user_id: str) -> object:
        """Raises NotFound if the user has no such connection, and what the check itself raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingConnection:
    """Answers with the connection that has the item, and checks its status as if the app had called `reconnected`."""

    connections: Connections
    intents: Intents
    reconnect: Reconnect

    def resolve(self, claimed: ClaimedIntent, holder: ItemHolder) -> dict[str, Any]:
        """Drops the new token, and answers with the connection that has the item.

        Raises:
            InvalidArgument: The item is another user's, or its connection is being removed.
            FailedPrecondition: The connection cannot be repaired: the user has to link the bank again.
            ServiceError: Plaid or the vault did not answer; the same call can be sent again.
            Unavailable: The item is being exchanged at this moment, or the store did not answer.
        """
        for tries_left in reversed(range(STORE_TRIES)):
            try:
                claimed.write(claimed.intent.held_by(holder))
                break
            except Unavailable:  # the public token is used up: without this answer the exchange would look lost
                if not tries_left:
                    raise
        log.info("exchange.item_in_use", connection_id=holder.connection_id, item_id=holder.item_id)
        return self.answer(claimed)

    def answer(self, claimed: ClaimedIntent) -> dict[str, Any]:
        """Answers an exchange whose existing connection is known already.

        Raises:
            InvalidArgument, FailedPrecondition, ServiceError, Unavailable: As when it was found.
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
        with suppress(BankError):  # then the next call checks the status again
            claimed.write(intent.connected(answer))
        return answer

    def _no_connection(self, connection_id: str, app_user_id: str) -> BankError:
        """The connection is still being made by another call, or is being removed."""
        for intent, _ in self.intents.of_user(app_user_id):
            if intent.connection_id == connection_id and intent.answer is None:
                return in_progress()
        return unknown_token()
