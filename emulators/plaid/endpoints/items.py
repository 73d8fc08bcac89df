"""Items. Source: plaid.com/docs/api/items."""

from emulators.plaid import announcements
from emulators.plaid.clock import iso
from emulators.plaid.endpoints.calls import Call, Json, endpoint


@endpoint("/item/public_token/create")
def create_public_token(call: Call) -> Json:
    """Deprecated, but the tests of Plaid's clients call it."""
    token = call.world.new_public_token(call.item())
    return {"public_token": token, "expiration": iso(call.world.public_tokens[token].expires)}


@endpoint("/item/public_token/exchange")
def exchange(call: Call) -> Json:
    item = call.world.redeem_public_token(call.fields["public_token"])
    access_token = item.access_token or call.world.new_access_token(item)
    return {"access_token": access_token, "item_id": item.item_id}


@endpoint("/item/get")
def get(call: Call) -> Json:
    item = call.item()
    return {"item": item.with_consent(), "status": item.status()}


@endpoint("/item/remove")
def remove(call: Call) -> Json:
    _end_item(call)
    return {}


@endpoint("/item/products/terminate")
def terminate(call: Call) -> Json:
    """Ends the billing of all products; as after /item/remove, the access token is no longer valid."""
    _end_item(call)
    return {}


def _end_item(call: Call) -> None:
    """Removes the Item, also a revoked one."""
    item = call.world.item_by_token(call.fields["access_token"])
    if item.removed or not item.revoked:
        item.check_alive()
    call.world.remove_item(item)


@endpoint("/item/access_token/invalidate")
def invalidate(call: Call) -> Json:
    return {"new_access_token": call.world.new_access_token(call.item())}


@endpoint("/item/webhook/update")
def update_webhook(call: Call) -> Json:
    item = call.item()
    if "webhook" in call.fields:
        item.webhook = call.fields["webhook"]
        if item.webhook:
            call.world.webhooks.send(item, announcements.webhook_update_acknowledged(item.webhook))
    return {"item": item.as_object()}


@endpoint("/webhook_verification_key/get")
def verification_key(call: Call) -> Json:
    return {"key": call.world.keys.jwk(call.fields["key_id"], call.team)}
