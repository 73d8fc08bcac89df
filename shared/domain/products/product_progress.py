"""What clients see of a product's sync, and what a read of a product leaves in its state."""

from collections.abc import Mapping
from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, Field

from shared.domain.products.kinds import ProductKind, ProductStatus
from shared.domain.progress import ErrorSummary


class ProductProgress(BaseModel):
    """What clients see of a product (contract: `bank_connections/{id}/bank_products/{kind}`).

    Attributes:
        as_of: When the rows were last known to be what Plaid has.
        changed_at: When a row last changed.
        counts: The numbers of stored rows, by `rows`.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    kind: ProductKind
    connection_id: str
    app_user_id: str
    status: ProductStatus
    as_of: datetime | None = None
    changed_at: datetime | None = None
    counts: Mapping[str, int]
    error: ErrorSummary | None = None
    next_retry_at: datetime | None = None


class ReadProduct(BaseModel):
    """What a complete read of a product leaves in the state.

    Attributes:
        rows: The number of stored rows.
        changed: Whether it changed any row.
        digest: The digest of the answer: an equal one changes nothing.
        hollow: By account the time of the first answer without its rows; a later answer must confirm it.
        confirm_at: When the next answer can confirm that.
        read_until: The last day that was read, of investment transactions.
        full_pass_at: When the whole history was last read, of investment transactions.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    changed: bool = False
    digest: str | None = None
    hollow: Mapping[str, datetime] = Field(default_factory=dict)
    confirm_at: datetime | None = None
    read_until: date | None = None
    full_pass_at: datetime | None = None
