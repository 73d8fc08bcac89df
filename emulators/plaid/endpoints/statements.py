"""Bank statements. Source: plaid.com/docs/api/products/statements."""

from hashlib import sha256

from emulators.plaid import announcements
from emulators.plaid.bank import Account
from emulators.plaid.endpoints.calls import Call, Download, Json, endpoint
from emulators.plaid.endpoints.transactions_get import period
from emulators.plaid.errors import PlaidError
from emulators.plaid.items import Item
from emulators.plaid.statements import accounts_with_statements, as_pdf, count_statements, extracted_periods, statements


@endpoint("/statements/list")
def list_statements(call: Call) -> Json:
    item = _item(call)
    return {
        "accounts": [_described(call, item, account) for account in accounts_with_statements(item)],
        "institution_id": item.institution.institution_id,
        "institution_name": item.institution.name,
        "item_id": item.item_id,
    }


def _item(call: Call) -> Item:
    item = call.healthy_item("statements")
    if not accounts_with_statements(item):
        raise PlaidError("NO_ACCOUNTS")
    return item


def _described(call: Call, item: Item, account: Account) -> Json:
    return {
        "account_id": account.account_id,
        "account_mask": account.mask or "",
        "account_name": account.name,
        "account_official_name": account.official_name or account.name,
        "account_subtype": account.subtype or "other",
        "account_type": account.type,
        "statements": [statement.as_object() for statement in statements(item, account, call.world.clock.today())],
    }


@endpoint("/statements/download")
def download(call: Call) -> Download:
    item, wanted = _item(call), call.fields["statement_id"]
    for account in accounts_with_statements(item):
        for statement in statements(item, account, call.world.clock.today()):
            if statement.statement_id == wanted:
                content = as_pdf(item, statement)
                return Download(content, "application/pdf", {"Plaid-Content-Hash": sha256(content).hexdigest()})
    raise PlaidError("INVALID_FIELD", "statement_id is not a statement of this item")


@endpoint("/statements/refresh")
def refresh(call: Call) -> Json:
    """Extracts the statements of a period in the background; a webhook reports the end."""
    item, (first, last) = _item(call), period(call)
    world = call.world
    item.bill.add_units("statements_refresh", count_statements(item, [[first, last]], world.clock.today()))

    def complete() -> None:
        gone = item.removed or item.revoked or world.items.get(item.item_id) is not item
        if gone:
            return
        if success := not (item.error or world.outages.silences(item)):
            item.statement_periods = [*extracted_periods(item), [first, last]]
        world.webhooks.send(item, announcements.statements_refresh_complete(success=success))

    world.clock.after(world.settings.initial_after, complete)
    return {}
