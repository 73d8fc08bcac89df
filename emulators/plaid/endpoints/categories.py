"""The legacy categories. Source: plaid.com/docs/api/products/transactions/#categoriesget."""

from emulators.plaid.categories import taxonomy
from emulators.plaid.endpoints.calls import Call, Json, endpoint


@endpoint("/categories/get")
def get(_: Call) -> Json:
    return {"categories": [category._asdict() for category in taxonomy().values()]}
