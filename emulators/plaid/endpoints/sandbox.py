"""The Sandbox's own endpoints. Source: plaid.com/docs/api/sandbox."""

from datetime import date, timedelta

from emulators.plaid import announcements
from emulators.plaid.endpoints.calls import Call, Json, endpoint
from emulators.plaid.endpoints.link import check_selectable
from emulators.plaid.errors import PlaidError, item_error
from emulators.plaid.ids import derive
from emulators.plaid.items import Item
from emulators.plaid.merchants import recognise
from emulators.plaid.transactions import Booking

_DEFAULT_DAYS, _MOST_DAYS = 90, 730
_CREATE_WITHIN = timedelta(days=14)


@endpoint("/sandbox/public_token/create")
def create_public_token(call: Call) -> Json:
    fields, options = call.fields, call.options
    products = fields["initial_products"]
    check_selectable(products)
    username = options.get("override_username") or "user_good"
    password = options.get("override_password") or "pass_good"
    item = call.world.log_in(
        fields["institution_id"],
        products,
        username=username,
        password=password,
        webhook=options.get("webhook"),
        days=_days(call),
        user_id=fields.get("user_id"),
        team=call.team,
    )
    if wanted := options.get("statements"):
        item.statement_periods = [[wanted["start_date"], wanted["end_date"]]]
    call.world.keep_item(item)
    return {"public_token": call.world.new_public_token(item)}


def _days(call: Call) -> int:
    wished = call.options.get("transactions") or {}
    if "days_requested" in wished:
        return int(wished["days_requested"])
    if "start_date" in wished:
        days = (call.world.clock.today() - date.fromisoformat(wished["start_date"])).days
        return min(max(days, 1), _MOST_DAYS)
    return _DEFAULT_DAYS


@endpoint("/sandbox/item/reset_login")
def reset_login(call: Call) -> Json:
    call.world.fail_item(call.item(), "ITEM_LOGIN_REQUIRED")
    return {"reset_login": True}


@endpoint("/sandbox/user/reset_login")
def reset_user_login(call: Call) -> Json:
    user = call.fields.get("user_id") or call.fields.get("user_token")
    if not user:
        raise PlaidError("MISSING_FIELDS", "the following required fields are missing: user_id")
    items = [item for item in call.world.items.values() if item.user_id == user and not item.removed]
    wanted = call.fields.get("item_ids") or [item.item_id for item in items]
    known = {item.item_id: item for item in items}
    if unknown := [item_id for item_id in wanted if item_id not in known]:
        raise PlaidError("INVALID_FIELD", f"item_ids names Items that are not this user's: {', '.join(unknown)}")
    for item_id in wanted:
        call.world.fail_item(known[item_id], "ITEM_LOGIN_REQUIRED")
    return {}


@endpoint("/sandbox/item/fire_webhook")
def fire_webhook(call: Call) -> Json:
    """Sends the webhook without changing the Item's state."""
    item, code = call.healthy_item(), call.fields["webhook_code"]
    body = _fireable(item, code, call.fields.get("webhook_type"))
    if not call.world.webhooks.send(item, body):
        raise PlaidError("SANDBOX_WEBHOOK_INVALID", "the item has no webhook")
    return {"webhook_fired": True}


def _fireable(item: Item, code: str, kind: str | None) -> Json:
    some = item.accounts[0].account_id if item.accounts else ""
    by_type: dict[tuple[str, str | None], Json] = {
        ("DEFAULT_UPDATE", "HOLDINGS"): announcements.holdings_update(1, 0),
        ("DEFAULT_UPDATE", "INVESTMENTS_TRANSACTIONS"): announcements.investments_update(1, 0),
        ("DEFAULT_UPDATE", "LIABILITIES"): announcements.liabilities_update([some], {}),
        ("DEFAULT_UPDATE", "IDENTITY"): {
            "webhook_type": "IDENTITY",
            "webhook_code": "DEFAULT_UPDATE",
            "error": None,
            "account_ids_with_updated_identity": {some: ["PHONES"]},
        },
    }
    plain: dict[str, Json] = {
        "DEFAULT_UPDATE": announcements.default_update(0),
        "SYNC_UPDATES_AVAILABLE": announcements.sync_updates_available(item.readiness),
        "RECURRING_TRANSACTIONS_UPDATE": announcements.recurring_update([some]),
        "NEW_ACCOUNTS_AVAILABLE": announcements.new_accounts_available(),
        "LOGIN_REPAIRED": announcements.login_repaired(),
        "PENDING_DISCONNECT": announcements.pending_disconnect(item.created_at + timedelta(days=7)),
        "USER_PERMISSION_REVOKED": announcements.user_permission_revoked(),
        "USER_ACCOUNT_REVOKED": announcements.user_account_revoked(some),
        "SMS_MICRODEPOSITS_VERIFICATION": {
            "webhook_type": "AUTH",
            "webhook_code": "SMS_MICRODEPOSITS_VERIFICATION",
            "account_id": some,
            "status": "MANUALLY_VERIFIED",
        },
        "AUTHORIZATION_GRANTED": {"webhook_type": "ITEM", "webhook_code": "AUTHORIZATION_GRANTED", "error": None},
        "PRODUCT_READY": {"webhook_type": kind or "ASSETS", "webhook_code": "PRODUCT_READY", "error": None},
        "ERROR": {
            "webhook_type": "ASSETS",
            "webhook_code": "ERROR",
            "error": item_error("PRODUCT_NOT_ENABLED").inside(),
        },
    }
    body = by_type.get((code, kind)) or plain[code]
    if kind not in {None, body["webhook_type"]}:
        raise PlaidError("SANDBOX_WEBHOOK_INVALID", f"{code} is not a webhook of type {kind}")
    if body["webhook_type"] == "TRANSACTIONS" and "transactions" not in item.products:
        raise PlaidError("SANDBOX_PRODUCT_NOT_ENABLED")
    return body


@endpoint("/sandbox/transactions/create")
def create_transactions(call: Call) -> Json:
    item, today = call.healthy_item("transactions"), call.world.clock.today()
    call.world.begin_extraction(item)
    if not item.portfolio.dynamic:
        raise PlaidError("INVALID_FIELD", "access_token must belong to an Item of user_transactions_dynamic")
    rows = []
    for place, written in enumerate(call.fields["transactions"]):
        for key in ("date_transacted", "date_posted"):
            if not today - _CREATE_WITHIN <= date.fromisoformat(written[key]) <= today:
                raise PlaidError("INVALID_FIELD", f"transactions[{place}].{key} must lie within the last 14 days")
        chosen = written.get("account_id")
        rows.append(
            Booking(
                derive(item.item_id, "created", len(item.log), place),
                item.account(chosen).account_id if chosen else _depository(item),
                written["amount"],
                written["date_posted"],
                written["description"],
                authorized=written["date_transacted"],
                currency=written.get("iso_currency_code", "USD"),
                merchant=recognise(written["description"]),
            ).as_row()
        )
    before = len(item.log)
    for row in rows:
        item.log.put(row)
    call.world.announce_changes(item, before, [])
    return {}


def _depository(item: Item) -> str:
    for account in item.accounts:
        if account.type == "depository":
            return account.account_id
    raise PlaidError("NO_ACCOUNTS")
