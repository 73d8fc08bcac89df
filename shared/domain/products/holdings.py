"""Positions of investment accounts."""

from collections.abc import Iterable
from decimal import Context, Decimal
from typing import TypedDict

from shared.domain.products.rows import ProductRow
from shared.domain.products.securities import Security

_EXACT = Context(prec=1_000)  # sums of amounts must not be rounded


class Holding(TypedDict):
    """A position. Fields: https://plaid.com/docs/api/products/investments/#investmentsholdingsget

    Numbers are decimal strings as sent. `cost_basis` and the prices are None where the bank does not say, which is not
    0: a gain is known only with a cost basis. Positions need not add up to the account's balance.
    """

    account_id: str
    quantity: str
    institution_price: str | None
    institution_price_as_of: str | None
    institution_value: str | None
    cost_basis: str | None
    currency: str | None
    is_cash: bool
    security: Security


def row_id(account_id: str, security_id: str) -> str:
    """The id of a position's document."""
    return f"{account_id}.{security_id}"


def rows_of(holdings: Iterable[Holding]) -> tuple[ProductRow, ...]:
    """The rows of all positions. Some banks list a security in lots, which are one position."""
    found: dict[str, Holding] = {}
    for one in holdings:
        key = row_id(one["account_id"], str(one["security"]["security_id"]))
        found[key] = _together(found[key], one) if key in found else one
    return tuple(ProductRow(key, one["account_id"], {**one}) for key, one in found.items())


def _together(first: Holding, second: Holding) -> Holding:
    return {
        **first,
        "quantity": _sum(first["quantity"], second["quantity"]) or first["quantity"],
        "institution_value": _sum(first["institution_value"], second["institution_value"]),
        "cost_basis": _sum(first["cost_basis"], second["cost_basis"]),
    }


def _sum(one: str | None, other: str | None) -> str | None:
    """The sum; None if either is unknown."""
    if one is None or other is None:
        return None
    return format(_EXACT.add(Decimal(one), Decimal(other)), "f")
