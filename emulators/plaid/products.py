"""The use of a product: consent, the bank's support, what is billed, and whether the data is ready.

Source: plaid.com/docs/link/initializing-products. A call of a product that the Item does not have adds it.
"""

from datetime import datetime, timedelta

from emulators.plaid import usage
from emulators.plaid.billing import part_of
from emulators.plaid.errors import PlaidError
from emulators.plaid.items import Item
from emulators.plaid.world import World


def use(world: World, item: Item, product: str) -> None:
    """Adds a product to the Item if needed.

    Raises the error of a product that the Item cannot have, or whose data is not ready.
    """
    whole = part_of(product)
    item.consent.check(product)
    if product == "recurring_transactions" and not item.institution.supports(product):
        raise PlaidError("PRODUCTS_NOT_SUPPORTED", "recurring transactions are not available in the bank's country")
    if whole not in item.products:
        if not item.institution.supports(whole):
            raise PlaidError("PRODUCTS_NOT_SUPPORTED", f"the institution does not support: {whole}")
        item.products.append(whole)
    for used in (whole, product):
        usage.begin(item, used, world.clock.now())
    delay = timedelta(seconds=world.settings.product_delays.get(product, 0))
    if world.clock.now() < datetime.fromisoformat(item.used_since[product]) + delay:
        raise PlaidError("PRODUCT_NOT_READY")
