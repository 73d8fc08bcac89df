"""Defaults for accounts: owner, account numbers, stable ids."""

from typing import Any

from emulators.plaid.bank import Account
from emulators.plaid.ids import derive


def default_owner() -> dict[str, Any]:
    """The owner of standard Sandbox accounts. Source: plaid.com/docs/api/products/identity."""
    return {
        "names": ["Alberta Bobbeth Charleson"],
        "emails": [
            {"data": "accountholder0@example.com", "primary": True, "type": "primary"},
            {"data": "accountholder1@example.com", "primary": False, "type": "secondary"},
        ],
        "phone_numbers": [{"data": "1112223333", "primary": True, "type": "mobile"}],
        "addresses": [
            {
                "data": {
                    "street": "2992 Cameron Road",
                    "city": "Malakoff",
                    "region": "NY",
                    "postal_code": "14236",
                    "country": "US",
                },
                "primary": True,
            }
        ],
    }


def default_numbers(mask: str) -> dict[str, Any]:
    """Account numbers of the Sandbox. Source: plaid.com/docs/api/products/auth."""
    return {"ach": {"account": f"111122223333{mask}", "routing": "011401533", "wire_routing": "021000021"}}


def persistent_id(username: str, account: Account) -> str:
    """An id that stays the same when the account is linked again."""
    return derive("persistent", username, account.mask or "", account.name)
