"""The first use of a product by an Item, at its creation or by a call. Plaid bills it then; see `billing.py`."""

from datetime import datetime

from emulators.plaid.items import Item
from emulators.plaid.statements import count_statements, extracted_periods


def begin(item: Item, product: str, now: datetime) -> None:
    """Records the first use of a product, and bills it."""
    first = product not in item.used_since
    item.used_since.setdefault(product, now.isoformat())
    item.bill.add(product, now.date())
    if first and product == "statements":
        item.bill.add_units(product, count_statements(item, extracted_periods(item), now.date()))
