"""Pieces of an OpenAPI description, as they are needed again and again."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def parameter(field: str, schema: Json, whole: Json, *, place: str) -> Json:
    """A field of a query or a path."""
    said = {"name": field, "in": place, "required": place == "path" or field in whole.get("required", ())}
    return said | {"schema": without_null(schema)}


def without_null(schema: Json) -> Json:
    """In a query nothing is null."""
    plain = {name: value for name, value in schema.items() if name not in ("title", "default")}
    others = [inner for inner in plain.pop("anyOf", []) if inner.get("type") != "null"]
    return plain | others[0] if others else plain


def closed(schema: Json) -> Json:
    """A field of an answer that is not described is a mistake."""
    if schema.get("type") != "object" or "properties" not in schema:
        return schema
    return schema | {"additionalProperties": False}


def object_of(properties: Json) -> Json:
    """An object with just these fields, all of them required."""
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


def narrow(properties: Json) -> Json:
    """An object of which these fields are known."""
    return {"type": "object", "properties": properties}


def json_of(schema: Json, **more: Any) -> Json:
    """A body, or an answer, of JSON."""
    return {"content": {"application/json": {"schema": schema}}, **more}


def distinct(schemas: list[Json]) -> list[Json]:
    """The schemas without repetitions."""
    flat = [inner for schema in schemas for inner in schema.get("anyOf", [schema])]
    return [schema for number, schema in enumerate(flat) if schema not in flat[:number]]
