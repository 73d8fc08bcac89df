"""The documents of products:

bank_product_state/{connection_id}.{kind}                 the whole state, private; commits compare its update time
bank_connections/{connection_id}/bank_products/{kind}     its projection for clients
bank_connections/{connection_id}/bank_{kind}/{row_id}     the rows; clients may write `user` of recurring streams
"""

from collections.abc import Mapping
from typing import Any

from shared.adapters.firestore.commit import Batch, mask_of
from shared.domain.products.kinds import COLLECTION, ProductKind
from shared.domain.products.product_state import ProductState, product_id
from shared.domain.products.recurring import RecurringStream
from shared.domain.products.rows import MOVED_AT, USER, ProductRow
from shared.ports import Version

PRODUCT_STATES = "bank_product_state"
PRODUCTS = "bank_products"

_ADDED = ("amount_before", "amount_changed_at", MOVED_AT, "connection_id", "app_user_id")
_STREAM = (*RecurringStream.__annotations__, *_ADDED)
_STREAM_MASK, _STREAM_WITH_USER_MASK = mask_of(_STREAM), mask_of((*_STREAM, USER))


def put_product(batch: Batch, state: ProductState, *, expected: Version | None) -> None:
    """Writes a state and its projection; without `expected`, the state must not exist."""
    path = f"{PRODUCT_STATES}/{state.sync_id}"
    if expected is None:
        batch.create(path, state.model_dump())
    else:
        batch.replace(path, state.model_dump(), expected=expected)
    batch.replace(f"bank_connections/{state.connection_id}/{PRODUCTS}/{state.kind}", state.progress().model_dump())


def delete_products(batch: Batch, connection_id: str) -> None:
    """Deletes the states of all products, so that the commits of their runs are refused."""
    for kind in ProductKind:
        batch.delete(f"{PRODUCT_STATES}/{product_id(connection_id, kind)}")


def rows_path(connection_id: str, kind: ProductKind) -> str:
    """The path of the collection of a product's rows."""
    return f"bank_connections/{connection_id}/{COLLECTION[kind]}"


def put_row(
    batch: Batch, kind: ProductKind, row: ProductRow, *, owner: Mapping[str, str], note: Mapping[str, Any] | None
) -> None:
    """Writes a row. The `user` map of a stream stays as it is, unless the row inherits a `note`."""
    path, fields = f"{rows_path(owner['connection_id'], kind)}/{row.row_id}", {**row.fields, **owner}
    if kind is not ProductKind.RECURRING:
        batch.replace(path, fields)
    elif note is None:
        batch.merge(path, fields, _STREAM_MASK)
    else:
        batch.merge(path, {**fields, USER: note}, _STREAM_WITH_USER_MASK)
