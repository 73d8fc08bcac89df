"""What an error of a product's endpoint means for that product.

A product never changes the status of its connection, except through an error of the login or of the access token. The
adapter translates Plaid's codes to kinds that exist for products only, so `shared/domain/status.py` has no event for
them. Source: https://plaid.com/docs/errors/, with the pages of each type.
"""

from shared.domain.errors import ErrorKind, ProviderError
from shared.domain.products.kinds import ProductKind, ProductStatus

ABOUT_THE_LOGIN = frozenset(
    {
        ErrorKind.LOGIN_REQUIRED,
        ErrorKind.UNKNOWN_TOKEN,
        ErrorKind.ITEM_GONE,
        ErrorKind.ITEM_BEING_REMOVED,
        ErrorKind.PERMISSION_REVOKED,
    }
)
"""Errors that concern the whole connection: a sync of transactions would get them, too."""

_STATUS = {
    ErrorKind.PRODUCT_UNSUPPORTED: ProductStatus.UNSUPPORTED,
    ErrorKind.PRODUCT_NO_ACCOUNTS: ProductStatus.NO_ACCOUNTS,
    ErrorKind.PRODUCT_CONSENT: ProductStatus.NEEDS_CONSENT,
    ErrorKind.PRODUCT_NOT_ENABLED: ProductStatus.NOT_ENABLED,
    ErrorKind.PRODUCT_NOT_READY: ProductStatus.SYNCING,
}


def product_outcome(kind: ProductKind, error: ProviderError) -> ProductStatus | None:
    """The status that an error gives a product.

    Every error that is neither about the login nor known for products makes the product fail and be retried: the sync
    of transactions decides about the connection, from its own answers.

    Args:
        kind: The product. No error means different things for different products today.
        error: The error of the product's endpoint.

    Returns:
        None if the error is about the login or the token: handle it as the sync of transactions does.
    """
    del kind
    return None if error.kind in ABOUT_THE_LOGIN else _STATUS.get(error.kind, ProductStatus.FAILED)
