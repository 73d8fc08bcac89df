"""Helpers that build parts of an OpenAPI description."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def parameter(field: str, schema: Json, whole: Json, *, place: str) -> Json:
    """A query or path parameter."""
    described = {"name": field, "in": place, "required": place == "path" or field in whole.get("required", ())}
    return described | {"schema": without_null(schema)}


def without_null(schema: Json) -> Json:
    """The schema without `null`, which a query cannot express."""
    plain = {name: value for name, value in schema.items() if name not in ("title", "default")}
    others = [inner for inner in plain.pop("anyOf", []) if inner.get("type") != "null"]
    return plain | others[0] if others else plain


def closed(schema: Json) -> Json:
    """The schema without additional properties: every field of a response must be described."""
    if schema.get("type") != "object" or "properties" not in schema:
        return schema
    return schema | {"additionalProperties": False}


def object_of(properties: Json) -> Json:
    """An object with exactly these fields, all required."""
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


def narrow(properties: Json) -> Json:
    """An object with at least the schema of these fields."""
    return {"type": "object", "properties": properties}


def untitled(schema: Json) -> Json:
    """The schema without the titles that pydantic makes from names; a reader sees the names already."""
    plain = {key: inner for key, inner in schema.items() if key != "title"}
    if "properties" in plain:
        plain["properties"] = {name: untitled(inner) for name, inner in plain["properties"].items()}
    return plain


def json_of(schema: Json, *, example: Json | None = None, examples: Json | None = None, **more: Any) -> Json:
    """A JSON request or response body."""
    shown = {"example": example} if example is not None else {"examples": examples} if examples else {}
    return {"content": {"application/json": {"schema": schema, **shown}}, **more}


def distinct(schemas: list[Json]) -> list[Json]:
    """The schemas without duplicates."""
    flat = [inner for schema in schemas for inner in schema.get("anyOf", [schema])]
    return [schema for number, schema in enumerate(flat) if schema not in flat[:number]]
