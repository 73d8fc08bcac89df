"""What a sync of transactions knows about the product syncs of its connection, which it plans (docs/decisions/0015)."""

import hashlib
import json
from collections.abc import Iterable
from typing import Self

from shared.domain.state_group import Changes, StateGroup


class ProductPlan(StateGroup):
    """The products of the connection.

    Attributes:
        products: The kinds that have a state of their own.
        products_for: What the last plan was made for, as `plan_key` names it; None before the first plan, and when the
            products must be planned again because the user selected accounts again or everything is read again.
    """

    products: tuple[str, ...] = ()
    products_for: str | None = None

    def products_planned(self, kinds: Iterable[str], *, key: str) -> Self:
        """The products were planned."""
        return self._with(products=tuple(sorted(kinds)), products_for=key)

    def _products_outdated(self) -> Changes:
        """The next completed run plans the products again."""
        return {"products_for": None}


def plan_key(
    kinds: Iterable[str], *, account_ids: Iterable[str], revoked: Iterable[str], source: str | None, history: bool
) -> str:
    """Names everything that a plan depends on, so that a run without a change plans nothing."""
    parts = [sorted(kinds), sorted(account_ids), sorted(revoked), source, history]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
