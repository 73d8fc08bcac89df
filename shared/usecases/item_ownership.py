"""One item, one connection: the only place that removes an item at Plaid, or says that its token may be replaced.

    the item's first stored token -> the exchange holds the item -> its connection does -> its removal does -> released

An item is held from the commit that stores its token until it is gone at Plaid. Connections that were made before
holders were stored have none: they are found by their item.
"""

from contextlib import suppress
from dataclasses import dataclass

from shared.domain.errors import Unavailable
from shared.domain.item import ItemHeld, ItemHolder
from shared.domain.secret import Secret
from shared.domain.status import is_revoked
from shared.log import log
from shared.ports import Clock, Connections, Items, Plaid, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemOwnership:
    """Says whose an item is, and removes items at Plaid."""

    items: Items
    connections: Connections
    plaid: Plaid
    clock: Clock

    def claim(self, wanted: ItemHolder, *, held: Version | None = None) -> Version:
        """Makes sure that an item belongs to this connection, and that no other connection uses it.

        Args:
            wanted: Who is to hold it.
            held: The version of the holder, if the caller has just written it.

        Returns:
            The holder's version.

        Raises:
            ItemHeld: Another connection uses it; nothing is changed for that one.
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

    def remove(self, token: Secret, wanted: ItemHolder) -> bool:
        """Removes an item at Plaid, if no other connection uses it.

        Returns:
            False if Plaid does not know the item (any more).

        Raises:
            ItemHeld: Another connection uses it: it stays.
            ProviderError: Plaid refused.
            Unavailable: The store did not answer: whether another connection uses it is unknown, so it stays.
        """
        self.claim(wanted)
        return self.plaid.remove(token)

    def release(self, holder: ItemHolder) -> None:
        """The item is gone at Plaid, and never became a connection.

        Raises:
            Unavailable: The store did not answer.
        """
        self.items.release(holder)

    def release_if_possible(self, holder: ItemHolder) -> None:
        """Releases an item that is gone; if the store does not answer, its holder stays until it expires."""
        with suppress(Unavailable):
            self.release(holder)

    def _another_connection(self, wanted: ItemHolder) -> ItemHolder | None:
        """Another connection to the item, made before holders were stored; rather one of the same user."""
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
