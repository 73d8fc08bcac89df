"""The holder of a Plaid item: pure. An item belongs to one connection from its first stored token on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ItemHolder:
    """The one connection that an item belongs to.

    Attributes:
        item_id: The item at Plaid.
        connection_id: The connection, or its tombstone while it is being removed.
        app_user_id: The connection's owner.
        intent_id: The exchange that has the item's token, until its connection is created.
    """

    item_id: str
    connection_id: str
    app_user_id: str
    intent_id: str | None = None

    def is_same(self, other: "ItemHolder") -> bool:
        """Whether both are the same connection, whether it exists or is being created."""
        return (self.item_id, self.connection_id) == (other.item_id, other.connection_id)


class ItemHeld(Exception):
    """The item belongs to another connection: it must not be removed, nor its token rotated, at Plaid."""

    def __init__(self, holder: ItemHolder) -> None:
        super().__init__("the item belongs to another connection")
        self.holder = holder
