"""What happens to a user's note when the bank replaces or removes its transaction.

A pending transaction is removed and its posted one is added:
https://plaid.com/docs/transactions/transactions-data/#reconciling-transactions
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

LABEL_FIELDS = ("name", "amount", "iso_currency_code", "date")


def successor_of(transaction_id: str, *, successors: Mapping[str, str], removed: Collection[str]) -> str | None:
    """The row that replaces a removed one: the last of the chain, unless it was removed, too."""
    successor, seen = successors.get(transaction_id), {transaction_id}
    while successor is not None and successor in removed and successor not in seen:
        seen.add(successor)
        successor = successors.get(successor)
    return None if successor in removed else successor


def heirs_of(noted: Iterable[str], *, successors: Mapping[str, str], taken: Iterable[str]) -> dict[str, str]:
    """Finds the row that inherits each note.

    Args:
        noted: The removed rows that have a note, in the order in which they inherit.
        successors: The replacing row, by replaced row.
        taken: Rows that have a note of their own, which they keep.

    Returns:
        The heir by removed row. A note without an entry has no heir: each row inherits at most one.
    """
    heirs: dict[str, str] = {}
    occupied = set(taken)
    for transaction_id in noted:
        heir = successors.get(transaction_id)
        if heir is not None and heir not in occupied:
            heirs[transaction_id] = heir
            occupied.add(heir)
    return heirs


def label_of(row: Mapping[str, Any]) -> str:
    """The text that identifies a transaction to its user, as in a notification about a saved note."""
    return " ".join(str(row.get(field) or "") for field in LABEL_FIELDS)
