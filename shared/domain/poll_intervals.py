"""How often the scheduler checks connections without a webhook or task."""

from collections.abc import Mapping
from datetime import timedelta

from shared.domain.products.kinds import ProductStatus

HEALTHY = timedelta(hours=12)  # a connection whose webhooks never arrive
NEEDS_USER = timedelta(hours=24)  # the user may have repaired the login elsewhere
LATE_HISTORY = timedelta(hours=6)  # Plaid also sends a webhook when a late history arrives
PAUSED = timedelta(minutes=14)  # less than the scheduler's 15 minutes, so every scheduler run checks it
LONGEST_BACK_OFF = timedelta(hours=6)  # a sync that the scheduler cannot requeue

PRODUCT = timedelta(hours=24)  # of product data; Plaid itself reads most of it once a day
REFUSED_PRODUCT: Mapping[ProductStatus, timedelta] = {
    ProductStatus.UNSUPPORTED: timedelta(days=30),  # the bank may have it one day
    ProductStatus.NOT_ENABLED: timedelta(hours=24),  # until an operator has ordered the product
}
"""How long Plaid is not asked again for a product that it refused; the others wait for a change of the connection."""
