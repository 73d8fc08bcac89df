"""Compares answers with docs/api/openapi.json, which is generated from the code; shares no code with its generator."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from openapi_schema_validator import OAS31Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

FILE = Path(__file__).parent.parent / "docs" / "api" / "openapi.json"
Json = dict[str, Any]


class Described:
    """The description, with which answers are compared."""

    def __init__(self) -> None:
        self.whole: Json = json.loads(FILE.read_text(encoding="utf-8"))
        self._registry: Registry[Any] = Registry().with_resource(
            "urn:api", Resource.from_contents(self.whole, default_specification=DRAFT202012)
        )

    def operations(self) -> Iterator[tuple[str, str, Json]]:
        """Path, method and description of each operation; a path without a slash in it is a callable function's."""
        for path, item in self.whole["paths"].items():
            yield from ((path, method, item[method]) for method in item if method in ("get", "post", "delete"))

    def codes(self) -> set[tuple[str, str]]:
        """Every operation with every error code that it is described to return."""
        return {
            (operation["operationId"], code)
            for _, _, operation in self.operations()
            for http, answer in operation["responses"].items()
            if int(http) >= 400
            for code in _codes(answer)
        }

    def successes(self) -> set[tuple[str, int]]:
        """Every operation with every success status that it is described to return."""
        return {
            (operation["operationId"], int(http))
            for _, _, operation in self.operations()
            for http in operation["responses"]
            if int(http) < 400
        }

    def operation(self, method: str, path: str) -> tuple[str, Json]:
        """The pointer to a path's operation, which also refuses wrong methods, and its description."""
        matching = [(known, item) for known, item in self.whole["paths"].items() if _matches(known, path)]
        exact = [(known, item) for known, item in matching if known != "/api/{path}"] or matching
        assert exact, f"{path} is nowhere described"
        for known, item in exact:
            if method.lower() in item:
                return _pointer(known, method.lower()), item[method.lower()]
        known, item = exact[0]
        other = next(name for name in item if name in ("get", "post", "delete"))
        return _pointer(known, other), item[other]

    def wrong_examples(self) -> Iterator[str]:
        """Where the example of a body does not match the body's schema."""
        for place, content in self._bodies():
            schema = {"$ref": f"urn:api#{place}/content/application~1json/schema"}
            for example in _examples(content):
                found = OAS31Validator(schema, registry=self._registry).iter_errors(example)
                yield from (f"{place}: {error.json_path}: {error.message}" for error in found)

    def without_example(self) -> Iterator[str]:
        """The bodies that have no example."""
        yield from (place for place, content in self._bodies() if not _examples(content))

    def error_examples(self) -> Iterator[tuple[str, Json]]:
        """Every operation with each of its examples of an error."""
        for _, _, operation in self.operations():
            for http, answer in operation["responses"].items():
                if int(http) >= 400:
                    examples = _examples(answer["content"]["application/json"])
                    yield from ((operation["operationId"], example) for example in examples)

    def _bodies(self) -> Iterator[tuple[str, Json]]:
        """The place and the content of each body of a request or an answer."""
        for path, method, operation in self.operations():
            bodies = {f"responses/{http}": answer for http, answer in operation["responses"].items()}
            if "requestBody" in operation:
                bodies["requestBody"] = operation["requestBody"]
            for place, body in bodies.items():
                yield f"{_pointer(path, method)}/{place}", body["content"]["application/json"]

    def complaints(self, method: str, url: str, status: int, headers: Mapping[str, str], body: bytes) -> list[str]:
        """Where an answer differs from its description; empty if it matches."""
        path = unquote(urlsplit(url).path)  # as the functions see it: an encoded slash is a slash
        pointer, operation = self.operation(method, path)
        answer = operation["responses"].get(str(status))
        where = f"{method} {path}: {status}"
        if answer is None:
            return [f"{where} is not described: {body[:200]!r}"]
        lacking = [name for name in answer.get("headers", ()) if name == "X-Request-Id" and name not in headers]
        schema = {"$ref": f"urn:api#{pointer}/responses/{status}/content/application~1json/schema"}
        validator = OAS31Validator(schema, registry=self._registry)
        found = validator.iter_errors(json.loads(body)) if method != "HEAD" else ()
        return [f"{where}: {error.json_path}: {error.message[:300]}" for error in found] + [
            f"{where}: no header {name}" for name in lacking
        ]


def _examples(content: Json) -> list[Any]:
    named = [example["value"] for example in content.get("examples", {}).values()]
    return [content["example"]] if "example" in content else named


def _codes(answer: Json) -> list[str]:
    narrowed = answer["content"]["application/json"]["schema"]["allOf"][1]
    codes: list[str] = narrowed["properties"]["error"]["properties"]["details"]["properties"]["code"]["enum"]
    return codes


def _matches(known: str, path: str) -> bool:
    if known == "/api/{path}":
        return path.startswith("/api/") or path == "/api"
    if not known.startswith("/api/"):
        return path.rpartition("/")[2] == known[1:] and not path.startswith("/api/")
    pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(known))
    return re.fullmatch(pattern, path) is not None


def _pointer(path: str, method: str) -> str:
    escaped = path.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
    return f"/paths/{escaped}/{method}"
