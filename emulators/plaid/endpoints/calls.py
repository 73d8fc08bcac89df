"""The arguments of handlers, and the table of handlers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emulators.plaid import products
from emulators.plaid.billing import part_of, used_by
from emulators.plaid.items import Item
from emulators.plaid.settings import US
from emulators.plaid.world import World

Json = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A validated request. `base_url` is the address that the sender used, `team` the owner of its keys."""

    world: World
    fields: Json
    base_url: str
    path: str = ""
    team: str = US

    @property
    def options(self) -> Json:
        return self.fields.get("options") or {}

    def item(self) -> Item:
        """The Item of the access token, in any state except removed or revoked."""
        item = self.world.item_by_token(self.fields["access_token"])
        item.check_alive()
        return item

    def healthy_item(self, product: str | None = None) -> Item:
        """The Item, if its data is available. Like Plaid, it adds a product that the Item does not have yet."""
        item = self.world.item_by_token(self.fields["access_token"])
        item.check_healthy()
        used = used_by(self.path, product) if product else None
        first = used is not None and part_of(used) not in {"transactions", *item.products}
        self.world.outages.check_live(item, self.path, first=first)
        if used:
            products.use(self.world, item, used)
        return item


@dataclass(frozen=True)
class Download:
    """An answer that is a file instead of JSON."""

    content: bytes
    media_type: str
    headers: dict[str, str]


Handler = Callable[[Call], Json | Download]
HANDLERS: dict[str, Handler] = {}


def endpoint(path: str) -> Callable[[Handler], Handler]:
    """Registers the handler of an endpoint. The server adds the request_id to its answer."""

    def register(handler: Handler) -> Handler:
        HANDLERS[path] = handler
        return handler

    return register
