"""Ensures that an item has one connection; only this module removes items at Plaid, or permits a token rotation.

    the item's first stored token -> the exchange holds the item -> its connection does -> its removal does -> released

An item has a holder from the commit that stores its token until it is removed at Plaid. Connections that were created
before holders were stored have none; they are found by their item.
"""

from contextlib import suppress
from dataclasses import dataclass

from shared.domain.errors import Unavailable
from shared.domain.item import ItemHeld, ItemHolder
from shared.domain.plaid_token import PlaidToken
from shared.domain.status import is_revoked
from shared.log import log
from shared.ports import Clock, Connections, Items, Plaid, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemOwnership:
    """Claims items for connections, and removes items at Plaid."""

    items: Items
    connections: Connections
    plaid: Plaid
    clock: Clock

    def claim(self, wanted: ItemHolder, *, held: Version | None = None) -> Version:
        """Ensures that an item belongs to this connection, and that no other connection uses it.

        Args:
            wanted: The holder that the item should have.
            held: The holder's version, if the caller has just written the holder.

        Returns:
            The holder's version.

        Raises:
            ItemHeld: Another connection uses the item; that connection is unchanged.
            Unavailable: The store did not answer.
        """
        if held is None:
            holder, held = self.items.claim(wanted, now=self.clock.now())
            if not holder.is_same(wanted):
                raise ItemHeld(holder)
        if (other := self._another_connection(wanted)) is not None:
            if wanted.intent_id is not None:
                self.items.release(wanted)
            raise ItemHeld(other)
        return held

    def remove(self, token: PlaidToken, wanted: ItemHolder) -> bool:
        """Removes an item at Plaid, if no other connection uses it.

        Returns:
            False if Plaid does not know the item (any more).

        Raises:
            ItemHeld: Another connection uses the item, so the item stays.
            ProviderError: Plaid refused.
            Unavailable: The store did not answer. Another connection may use the item, so the item stays.
        """
        self.claim(wanted)
        return self.plaid.remove(token)

    def release(self, holder: ItemHolder) -> None:
        """Releases an item that was removed at Plaid and never became a connection.

        Raises:
            Unavailable: The store did not answer.
        """
        self.items.release(holder)

    def release_if_possible(self, holder: ItemHolder) -> None:
        """Releases an item that was removed; if the store does not answer, its holder stays until it expires."""
        with suppress(Unavailable):
            self.release(holder)

    def _another_connection(self, wanted: ItemHolder) -> ItemHolder | None:
        """Another connection to the item, created before holders were stored; preferably one of the same user."""
        others = [
            one
            for one in self.connections.of_item(wanted.item_id)
            if one.connection_id != wanted.connection_id and not is_revoked(one)
        ]
        others.sort(key=lambda one: (one.app_user_id != wanted.app_user_id, one.created_at))
        for one in others:
            log.warning("item.shared", item_id=wanted.item_id, connection_id=one.connection_id)
            return ItemHolder(wanted.item_id, one.connection_id, one.app_user_id)
        return None
