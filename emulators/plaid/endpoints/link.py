"""Link tokens. Source: plaid.com/docs/api/link."""

import re
from collections.abc import Iterable
from datetime import timedelta

from emulators.plaid import regions
from emulators.plaid.clock import iso
from emulators.plaid.endpoints.calls import Call, Json, endpoint
from emulators.plaid.errors import PlaidError
from emulators.plaid.linktokens import PRODUCT_LISTS, LinkToken

LIVES, UPDATE_LIVES, HOSTED_LIVES = timedelta(hours=4), timedelta(minutes=30), timedelta(minutes=30)
SESSION_KEPT = timedelta(hours=6)
NOT_LINK_PRODUCTS = {"balance", "recurring_transactions", "transactions_refresh", "monitor", "investments_refresh"}
_USER_ID = r"usr_[A-Za-z0-9]{14}"


@endpoint("/link/token/create")
def create(call: Call) -> Json:
    world, fields = call.world, call.fields
    _check_user(fields)
    check_selectable(product for name in PRODUCT_LISTS for product in fields.get(name) or ())
    access_token = fields.get("access_token")
    item = world.item_by_token(access_token) if access_token else None
    if item:
        item.check_alive()
        regions.check_account_selection(fields, item.institution.countries)
    elif not _users_update(fields):
        _check_products(fields)
        regions.check_countries(fields, call.team, two_teams=world.settings.eu_client_id is not None)
        fields = regions.drop_products(fields)
    _check_details(fields, updating=item is not None)
    now = world.clock.now()
    lives, hosted = (UPDATE_LIVES if item else LIVES), fields.get("hosted_link")
    if hosted is not None:
        default = {"sms": 86400, "email": 7 * 86400}.get(hosted.get("delivery_method"), HOSTED_LIVES.total_seconds())
        lives = timedelta(seconds=float(hosted.get("url_lifetime_seconds", default)))
    updates = item.item_id if item else None
    token = LinkToken(world.ids.token("link"), now, now + lives, fields, updates, team=call.team)
    world.link_tokens[token.link_token] = token
    answer = {"link_token": token.link_token, "expiration": iso(token.expires)}
    if hosted is not None:
        answer["hosted_link_url"] = f"{call.base_url}link/v2/stable/link.html?token={token.link_token}"
    if fields.get("user_id"):
        answer["user_id"] = fields["user_id"]
    return answer


def _check_user(fields: Json) -> None:
    if "user" not in fields and "user_id" not in fields and "user_token" not in fields:
        raise PlaidError("MISSING_FIELDS", "the following required fields are missing: user.client_user_id")
    if "user_id" in fields and not re.fullmatch(_USER_ID, fields["user_id"]):
        raise PlaidError("INVALID_USER_ID")


def _users_update(fields: Json) -> bool:
    """Update mode for a user instead of an access token."""
    update = fields.get("update", {})
    return bool(update.get("user") or update.get("item_ids"))


def _check_products(fields: Json) -> None:
    if not fields.get("products"):
        raise PlaidError("MISSING_FIELDS", "the following required fields are missing: products")
    required = fields["products"]
    for name in PRODUCT_LISTS[1:]:
        if twice := sorted(set(fields.get(name) or ()) & set(required)):
            raise PlaidError("INVALID_FIELD", f"{name} must not repeat products: {', '.join(twice)}")
    if "statements" in required and "statements" not in fields:
        raise PlaidError("MISSING_FIELDS", "the following required fields are missing: statements")


def check_selectable(products: Iterable[str]) -> None:
    """Raises INVALID_PRODUCT for products that no Item is created with."""
    if wrong := sorted(NOT_LINK_PRODUCTS & set(products)):
        raise PlaidError("INVALID_PRODUCT", f"the following products are not valid here: {', '.join(wrong)}")


def _check_details(fields: Json, *, updating: bool) -> None:
    """Sources: the fields' descriptions in plaid-openapi; `institution_id` as measured at the Sandbox."""
    redirect = fields.get("redirect_uri", "")
    if "?" in redirect:
        raise PlaidError("INVALID_FIELD", "redirect_uri must not contain a query string")
    if redirect and fields.get("android_package_name"):
        raise PlaidError("INVALID_FIELD", "only one of redirect_uri and android_package_name may be set")
    if updating and fields.get("account_filters") and not fields.get("update", {}).get("account_selection_enabled"):
        raise PlaidError("INVALID_FIELD", "account_filters needs update.account_selection_enabled in update mode")
    if "institution_id" in fields:
        raise PlaidError("INVALID_INSTITUTION")


@endpoint("/link/token/get")
def get(call: Call) -> Json:
    token = call.world.link_tokens.get(call.fields["link_token"])
    now = call.world.clock.now()
    if token is None or (token.expires <= now and not _recent(token, call)):
        raise PlaidError("INVALID_LINK_TOKEN")
    request = token.request
    filters = {kind: value for kind, value in request.get("account_filters", {}).items() if kind != "other"}
    answer: Json = {
        "link_token": token.link_token,
        "created_at": iso(token.created_at),
        "expiration": iso(token.expires),
        "metadata": {
            "initial_products": request.get("products") or [],
            "webhook": request.get("webhook"),
            "country_codes": request["country_codes"],
            "language": request["language"],
            "account_filters": filters,
            "redirect_uri": request.get("redirect_uri"),
            "client_name": request["client_name"],
        },
    }
    if finished := [session for session in token.sessions if session.get("finished_at")]:
        answer["link_sessions"] = finished
    return answer


def _recent(token: LinkToken, call: Call) -> bool:
    """A finished session is readable for six hours."""
    border = iso(call.world.clock.now() - SESSION_KEPT)
    return any((session.get("finished_at") or "") > border for session in token.sessions)
