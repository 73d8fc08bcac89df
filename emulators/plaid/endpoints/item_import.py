"""Items made without Link. Source: plaid.com/docs/api/items/#itemimport.

In the Sandbox `user_auth` is a test user's login. The call is idempotent: it returns the token of the user's Item.
"""

from emulators.plaid.endpoints.calls import Call, Json, endpoint
from emulators.plaid.endpoints.link import NOT_LINK_PRODUCTS
from emulators.plaid.errors import PlaidError
from emulators.plaid.items import Item

_DEFAULT_INSTITUTION = "ins_109508"


@endpoint("/item/import")
def import_item(call: Call) -> Json:
    fields, world = call.fields, call.world
    products = fields["products"]
    if wrong := sorted(NOT_LINK_PRODUCTS & set(products)):
        raise PlaidError("INVALID_PRODUCT", f"the following products are not valid here: {', '.join(wrong)}")
    institution_id = fields.get("institution_id") or _DEFAULT_INSTITUTION
    login = fields["user_auth"]
    item = world.log_in(
        institution_id,
        products,
        username=login["user_id"],
        password=login["auth_token"],
        webhook=call.options.get("webhook"),
    )
    known = _imported(call, institution_id, login["user_id"])
    if known is not None:
        return {"access_token": known.access_token}
    item.imported_as = login["user_id"]
    world.keep_item(item)
    return {"access_token": world.new_access_token(item)}


def _imported(call: Call, institution_id: str, user_id: str) -> Item | None:
    for item in call.world.items.values():
        same = item.imported_as == user_id and item.institution.institution_id == institution_id
        if same and not item.removed and not item.revoked:
            return item
    return None
