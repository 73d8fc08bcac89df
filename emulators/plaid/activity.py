"""The consent history of an Item, and when its data was last read, for /item/activity/list.

Source: the schemas of /item/activity/list in Plaid's OpenAPI document (plaid.com/docs/api).
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from emulators.plaid.clock import iso
from emulators.plaid.ids import derive

if TYPE_CHECKING:
    from emulators.plaid.items import Item

Json = dict[str, Any]
APPLICATION_ID = derive("the application of this client")
_READS = {
    "/accounts/get": "account_balance_info",
    "/accounts/balance/get": "account_balance_info",
    "/auth/get": "account_routing_number",
    "/identity/get": "contact_info",
    "/identity/match": "contact_info",
    "/transactions/get": "transactions",
    "/transactions/sync": "transactions",
    "/transactions/recurring/get": "transactions",
    "/liabilities/get": "credit_loan_info",
    "/investments/auth/get": "investments",
    "/investments/holdings/get": "investments",
    "/investments/transactions/get": "investments",
}
_SCOPES = (
    "account_balance_info",
    "account_routing_number",
    "contact_info",
    "transactions",
    "credit_loan_info",
    "investments",
    "payroll_info",
    "transaction_risk_info",
)
_FORMER_NAMES = {"contact_details": "contact_info", "credit_and_loans": "credit_loan_info"}  # older clients need them
_ACCESS = {"transactions": "transactions", "auth": "auth", "identity": "identity", "statements": "statements"}


def record(item: "Item", kind: str, when: datetime) -> None:
    """Adds an activity, with the access that the user grants at this time."""
    authentication = "DATA_PARTNER" if item.institution.oauth else "PLAID"
    item.activities.append(
        {
            "activity": kind,
            "at": when.isoformat(),
            "id": derive(item.item_id, "activity", len(item.activities)),
            "initiator": APPLICATION_ID,
            "state": "SUCCESS",
            "target_application_id": APPLICATION_ID,
            "scopes": _scopes(item),
            **({"authentication": authentication} if kind == "ITEM_CREATE" else {}),
        }
    )


def _scopes(item: "Item") -> Json:
    return {
        "product_access": {name: product in item.products for name, product in _ACCESS.items()},
        "accounts": [
            {
                "unique_id": account.account_id,
                "authorized": True,
                "account_product_access": {"account_data": True, "statements": "statements" in item.products},
            }
            for account in item.accounts
        ],
        "new_accounts": item.shared is None,
    }


def note_access(item: "Item", path: str, when: datetime) -> None:
    """Notes that the application has read a kind of data."""
    if scope := _READS.get(path):
        item.accessed[scope] = iso(when)


def last_access(items: list["Item"]) -> list[Json]:
    """When this application last read each kind of data of these Items; null means never."""
    latest = {
        scope: max((item.accessed[scope] for item in items if scope in item.accessed), default=None)
        for scope in _SCOPES
    }
    former = {name: latest[scope] for name, scope in _FORMER_NAMES.items()}
    return [{"application_id": APPLICATION_ID, **latest, **former}]


def as_sent(activity: Json) -> Json:
    """The activity object of the answer."""
    return {**{key: value for key, value in activity.items() if key != "at"}, "initiated_date": activity["at"][:10]}
