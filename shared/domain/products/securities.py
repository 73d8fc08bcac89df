"""The security of a holding or of an investment transaction."""

from typing import TypedDict


class Security(TypedDict):
    """What is shown of a security. Fields: https://plaid.com/docs/api/products/investments/

    `ticker` of money is `CUR:` and its currency. `close_price` is a decimal string as sent.
    """

    security_id: str | None
    ticker: str | None
    name: str | None
    type: str
    close_price: str | None
    close_price_as_of: str | None
    isin: str | None
