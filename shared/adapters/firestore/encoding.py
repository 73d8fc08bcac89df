"""Python values as Firestore's protobufs, built directly: a sync spends its time here.

The library encodes through proto-plus objects, which is an order of magnitude slower; what is built here is byte for
byte what it would build (a test compares).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from google.cloud.firestore_v1.types import document

Value = document.Value.pb()
_Document = document.Document.pb()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def encoded(values: Mapping[str, Any]) -> bytes:
    """The same as the bytes of a Document without a name."""
    made = _Document()
    encode_fields(made.fields, values)
    return bytes(made.SerializeToString())


def encode_fields(into: Any, values: Mapping[str, Any]) -> None:
    """Fills a protobuf map of fields.

    Args:
        into: The `fields` of a Document or MapValue protobuf.
        values: Field names and values: None, bool, int, float, Decimal (as a double), str, bytes, aware datetime,
            lists and tuples of these, and mappings.

    Raises:
        TypeError: A value has no counterpart in Firestore.
    """
    for name, value in values.items():
        if type(value) is str:  # most are one of these two, and a call costs as much as what it would do
            into[name].string_value = value
        elif value is None:
            into[name].null_value = 0
        else:
            _encode(into[name], value)


def _encode(into: Any, value: Any) -> None:
    kind = type(value)
    if kind is dict:  # what rows have most of comes first: asking for a type costs as much as encoding a value
        into.map_value.SetInParent()
        encode_fields(into.map_value.fields, value)
    elif kind is float:
        into.double_value = value
    elif isinstance(value, str):
        into.string_value = value
    elif value is None:
        into.null_value = 0
    elif isinstance(value, bool):
        into.boolean_value = value
    elif isinstance(value, int):
        into.integer_value = value
    elif isinstance(value, float | Decimal):
        into.double_value = float(value)
    elif isinstance(value, datetime):
        since = value - _EPOCH
        into.timestamp_value.seconds = since.days * 86_400 + since.seconds
        into.timestamp_value.nanos = since.microseconds * 1_000
    elif isinstance(value, Mapping):
        into.map_value.SetInParent()
        encode_fields(into.map_value.fields, value)
    elif isinstance(value, list | tuple):
        into.array_value.SetInParent()
        for element in value:
            _encode(into.array_value.values.add(), element)
    elif isinstance(value, bytes):
        into.bytes_value = value
    else:
        raise TypeError(f"{type(value).__name__} has no counterpart in Firestore")
