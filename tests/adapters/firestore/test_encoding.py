"""The fast encoder produces the same bytes as the library."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from google.cloud.firestore_v1 import _helpers
from google.cloud.firestore_v1.types import document
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.firestore.encoding import encode_fields
from tests.fakes import row

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001 (hypothesis adds the zone)
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1, max_size=9), inner, max_size=4),
    max_leaves=12,
)


def ours(values: dict[str, Any]) -> bytes:
    made = document.Document.pb()()
    encode_fields(made.fields, values)
    return bytes(made.SerializeToString(deterministic=True))


def theirs(values: dict[str, Any]) -> bytes:
    made = document.Document.pb(document.Document(fields=_helpers.encode_dict(values)))
    return bytes(made.SerializeToString(deterministic=True))


@given(st.dictionaries(st.text(min_size=1, max_size=9), VALUES, max_size=6))
def test_any_value_is_encoded_as_the_library_would(values: dict[str, Any]) -> None:
    assert ours(values) == theirs(values)


def test_a_transaction_is_encoded_as_the_library_would() -> None:
    values = dict(row("t1", datetime=datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=2))), counterparties=[{}]))
    assert ours(values) == theirs(values)


def test_decimals_become_doubles_and_tuples_arrays() -> None:
    assert ours({"a": Decimal("1.5"), "b": (1, 2)}) == theirs({"a": 1.5, "b": [1, 2]})


def test_type_that_firestore_does_not_support_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        ours({"a": object()})
