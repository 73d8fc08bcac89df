"""The consent history of Items. Source: the OpenAPI document of plaid.com/docs/api."""

import base64
import re

from emulators.plaid.activity import as_sent, last_access
from emulators.plaid.endpoints.calls import Call, Json, endpoint
from emulators.plaid.errors import PlaidError

_DEFAULT_COUNT = 50
_CURSOR = re.compile(rb"activity:(\d{1,9})")


@endpoint("/item/activity/list")
def list_activity(call: Call) -> Json:
    """The newest activities first; without an access token those of all Items, removed ones included."""
    items = [call.item()] if "access_token" in call.fields else list(call.world.items.values())
    activities = sorted((activity for item in items for activity in item.activities), key=lambda one: str(one["at"]))
    last = _read_cursor(call.fields.get("cursor"), len(activities))
    first = max(last - int(call.fields.get("count", _DEFAULT_COUNT)), 0)
    answer = {
        "activities": [as_sent(activity) for activity in reversed(activities[first:last])],
        "last_data_access_times": last_access(items),
    }
    return {**answer, "cursor": _write_cursor(first)} if first else answer


def _write_cursor(place: int) -> str:
    return base64.urlsafe_b64encode(f"activity:{place}".encode()).decode()


def _read_cursor(text: str | None, newest: int) -> int:
    """How many of the oldest activities are still unread. Counted from the oldest, so new activities shift nothing."""
    if not text:
        return newest
    try:
        found = _CURSOR.fullmatch(base64.b64decode(text, altchars=b"-_", validate=True))
    except ValueError:
        found = None
    if found is None or int(found[1]) > newest:
        raise PlaidError("INVALID_FIELD", "cursor is not a valid cursor")
    return int(found[1])
