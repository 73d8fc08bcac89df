"""Values that no bank should send, but some do."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

PLAIN: dict[str, Any] = {
    "transaction_id": "t1",
    "account_id": "checking",
    "account_owner": None,
    "amount": 12.34,
    "authorized_date": "2026-01-31",
    "authorized_datetime": None,
    "check_number": None,
    "counterparties": [{"name": "Cafe", "type": "merchant", "confidence_level": "HIGH"}],
    "date": "2026-02-01",
    "datetime": "2026-02-01T10:00:00Z",
    "iso_currency_code": "USD",
    "location": {"city": "Rome", "lat": 41.9, "lon": 12.5},
    "logo_url": None,
    "merchant_entity_id": None,
    "merchant_name": "Cafe",
    "name": "CAFE 17",
    "original_description": None,
    "payment_channel": "in store",
    "pending": False,
    "pending_transaction_id": None,
    "personal_finance_category": {"primary": "FOOD", "detailed": "FOOD_COFFEE", "confidence_level": "HIGH"},
    "personal_finance_category_icon_url": None,
    "transaction_code": None,
    "unofficial_currency_code": None,
    "website": None,
}
REQUIRED = ("transaction_id", "account_id", "amount", "date")
OPTIONAL = tuple(name for name in PLAIN if name not in REQUIRED)


def nested(levels: int) -> Any:
    value: Any = "bottom"
    for level in range(levels):
        value = {"down": value} if level % 2 else [value]
    return value


ODD: tuple[Any, ...] = (
    0,
    False,
    True,
    "",
    [],
    {},
    -1,
    2**70,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-12:00",
    "0000-00-00",
    "10000-01-01",
    "a/b",
    ".",
    "..",
    "__x__",
    "x" * 1_501,
    "é" * 800,
    "x" * 400_000,
    "x" * 1_100_000,
    "half \ud83d",
    "\udc00",
    "nul \0",
    ["a", ["b"]],
    [[[]]],
    {"__x__": 1, "": 2, "ok": "yes"},
    {"x" * 1_600: 1},
    {"a.b": 1, "`": 2},
    {"primary": 5},
    {"primary": ["x"], "detailed": {"y": 1}},
    [None, 5, "text", {"name": {"deep": nested(25)}}],
    nested(15),
    nested(25),
    nested(60),
    [{}] * 1_001,
    [{"name": "x" * 90_000}] * 20,
)
"""Each in the place of any field."""

ANYTHING = st.recursive(
    st.sampled_from(ODD) | st.none() | st.integers() | st.floats() | st.text(st.characters(categories=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=6,
)
