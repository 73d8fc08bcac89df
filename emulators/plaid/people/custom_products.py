"""The data of a custom user for other products: owners and account numbers; liabilities and investments have modules.

Sources: plaid.com/docs/sandbox/user-custom, and the answer shapes of plaid.com/docs/api/products/identity and auth.
"""

from typing import Any

from emulators.plaid.bank import Account
from emulators.plaid.people import custom_investments, defaults
from emulators.plaid.people.custom_liabilities import liability
from emulators.plaid.people.reading import (
    Json,
    address,
    boolean,
    list_of,
    mapping,
    one_of,
    says_something,
    text,
)

_PHONE_TYPES = ("home", "work", "office", "mobile", "mobile1", "other")
_EMAIL_TYPES = ("primary", "secondary", "other")


def attach(account: Account, override: Json, item_id: str) -> None:
    """Adds the file's data for this account in Plaid's response format."""
    account.owners = owners(override.get("identity"))
    if account.type == "depository" or override.get("numbers"):
        account.numbers = _numbers(mapping(override.get("numbers")), account.mask or "0000")
    attach_more(account, override, item_id)


def attach_more(account: Account, override: Json, item_id: str) -> None:
    """The liability and the investments."""
    if override.get("liability") is not None or account.type in {"credit", "loan"}:
        account.liability = liability(mapping(override.get("liability")), account)
    custom_investments.attach(account, override, item_id)


def owners(identity: Any) -> list[Json]:
    """The owner in the format of /identity/get; the default owner if the file describes none."""
    if not isinstance(identity, dict) or not _describes_an_owner(identity):
        return [defaults.default_owner()]
    names = identity.get("names")
    return [
        {
            "names": [name for name in (names if isinstance(names, list) else [names]) if isinstance(name, str)],
            "emails": [_contact(email, _EMAIL_TYPES) for email in _filled(identity.get("emails"))],
            "phone_numbers": [_contact(phone, _PHONE_TYPES) for phone in _filled(identity.get("phone_numbers"))],
            "addresses": [
                {"data": address(found.get("data"), ""), "primary": boolean(found.get("primary"), False)}
                for found in _filled(identity.get("addresses"))
            ],
        }
    ]


def _describes_an_owner(identity: Json) -> bool:
    """A template without a value describes none; with nothing but empty lists, the bank knows nothing of its owner."""
    without_data = bool(identity) and all(written == [] for written in identity.values())
    return without_data or says_something(identity)


def _filled(written: Any) -> list[Json]:
    return [entry for entry in list_of(written) if says_something(entry.get("data"))]


def _contact(written: Json, types: tuple[str, ...]) -> Json:
    return {
        "data": text(written.get("data")) or "",
        "primary": boolean(written.get("primary"), False),
        "type": one_of(written.get("type"), types, "other"),
    }


def _numbers(written: Json, mask: str) -> Json:
    account = text(written.get("account")) or text(written.get("international_iban")) or f"111122223333{mask}"
    found: Json = {}
    if institution := text(written.get("eft_institution")):
        branch = text(written.get("eft_branch")) or "01140"
        found["eft"] = {"account": account, "institution": institution, "branch": branch}
    if sort_code := text(written.get("bacs_sort_code")):
        found["bacs"] = {"account": account, "sort_code": sort_code}
    if iban := text(written.get("international_iban")):
        found["international"] = {"iban": iban, "bic": text(written.get("international_bic")) or "HBUKGB41XXX"}
    routing, wire_routing = text(written.get("ach_routing")), text(written.get("ach_wire_routing"))
    if routing or wire_routing or not found:
        found["ach"] = {
            "account": account,
            "routing": routing or "011401533",
            "wire_routing": wire_routing or "021000021",
        }
    return found
