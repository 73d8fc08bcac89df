"""Matching and refreshing identity data. Source: plaid.com/docs/api/products/identity."""

from copy import deepcopy

from emulators.plaid import announcements
from emulators.plaid.bank import Account
from emulators.plaid.endpoints.calls import Call, Json, endpoint
from emulators.plaid.matching import match_address, match_email, match_name, match_phone
from emulators.plaid.people import open_bank

_KINDS = {"NAMES": "names", "PHONES": "phone_numbers", "EMAILS": "emails", "ADDRESSES": "addresses"}


@endpoint("/identity/match")
def match(call: Call) -> Json:
    item = call.healthy_item("identity")
    user = call.fields.get("user") or {}
    accounts = item.chosen_accounts(call.options)
    return {"accounts": [_scored(account, user) for account in accounts], "item": item.as_object()}


def _scored(account: Account, user: Json) -> Json:
    described = account.as_object()
    return {
        **described,
        "balances": dict.fromkeys(described["balances"]),  # Plaid sends no balances here
        "legal_name": match_name(user.get("legal_name"), account.owners),
        "phone_number": match_phone(user.get("phone_number"), account.owners),
        "email_address": match_email(user.get("email_address"), account.owners),
        "address": match_address(user.get("address"), account.owners),
    }


@endpoint("/identity/refresh")
def refresh(call: Call) -> Json:
    """Reads the identity data again; a webhook names what has changed since the last extraction."""
    item = call.healthy_item("identity")
    known = item.known_owners or {account.account_id: account.owners for account in open_bank(item.login).accounts}
    changed = {
        account.account_id: kinds
        for account in item.chosen_accounts(None)
        if (kinds := _changed_kinds(known.get(account.account_id, account.owners), account.owners))
    }
    item.known_owners = {account.account_id: deepcopy(account.owners) for account in item.accounts}
    if changed:
        call.world.webhooks.send(item, announcements.identity_update(changed))
    return {}


def _changed_kinds(before: list[Json], after: list[Json]) -> list[str]:
    return [kind for kind, key in _KINDS.items() if [owner[key] for owner in before] != [owner[key] for owner in after]]
