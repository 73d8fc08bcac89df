"""What a handler is given, and the table of handlers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emulators.plaid.errors import PlaidError
from emulators.plaid.items import Item
from emulators.plaid.world import World

Json = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A request that was found valid. `base_url` is how its sender reached the simulator."""

    world: World
    fields: Json
    base_url: str

    @property
    def options(self) -> Json:
        return self.fields.get("options") or {}

    def item(self) -> Item:
        """The Item of the access token, in any state but removed or revoked."""
        item = self.world.item_by_token(self.fields["access_token"])
        item.check_alive()
        return item

    def healthy_item(self, product: str | None = None) -> Item:
        """The Item, able to answer for its data. A product it did not have yet is added to it, as Plaid does."""
        item = self.world.item_by_token(self.fields["access_token"])
        item.check_healthy()
        if product in item.missing_consents:
            raise PlaidError("ADDITIONAL_CONSENT_REQUIRED")
        if product and product not in item.products:
            if not item.institution.supports(product):
                raise PlaidError("PRODUCTS_NOT_SUPPORTED", f"the institution does not support: {product}")
            item.products.append(product)
        return item


Handler = Callable[[Call], Json]
HANDLERS: dict[str, Handler] = {}


def endpoint(path: str) -> Callable[[Handler], Handler]:
    """Register the handler of an endpoint. Its answer gets the request_id later."""

    def register(handler: Handler) -> Handler:
        HANDLERS[path] = handler
        return handler

    return register
