"""Renders the API reference as a self-contained page: no script, no other host. Hosting serves it at /reference/."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "web" / "public" / "reference"
Json = dict[str, Any]

STYLE = """:root {
  color-scheme: light dark;
  --ink: light-dark(#171a1f, #eceef0);
  --quiet: light-dark(#5a5f69, #a6adb6);
  --line: light-dark(#e5e2da, #2c3136);
  --accent: light-dark(#0f6b57, #5bcbaa);
  font: 16px / 1.5 ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  color: var(--ink);
  background: light-dark(#ffffff, #181b1e);
}
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem 4rem; }
h2 { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1.5rem; }
h3 { margin: 2rem 0 0.5rem; overflow-wrap: anywhere; }
a { color: var(--accent); }
code, pre { font: 0.875rem / 1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
pre { overflow-x: auto; border: 1px solid var(--line); border-radius: 0.5rem; padding: 0.75rem; }
table { border-collapse: collapse; margin: 1rem 0; width: 100%; }
td, th { border-bottom: 1px solid var(--line); padding: 0.375rem 0.5rem 0.375rem 0; text-align: left; }
td { vertical-align: top; }
td:first-child { overflow-wrap: anywhere; }
.method { color: var(--accent); font-weight: 700; }
.quiet { color: var(--quiet); }
"""


def written(description: Json) -> dict[Path, str]:
    """The files of the page, with their text."""
    return {
        FOLDER / "index.html": rendered(description),
        FOLDER / "style.css": STYLE,
        FOLDER / "openapi.json": json.dumps(description, indent=1, ensure_ascii=False) + "\n",
    }


def rendered(description: Json) -> str:
    """The HTML of the page."""
    info = description["info"]
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(info['title'])}: API</title>",
        '<link rel="icon" href="/icon.svg" type="image/svg+xml">',
        '<link rel="stylesheet" href="style.css">',
        f"<h1>{escape(info['title'])}: API</h1>",
        f"<p>{_text(info['description'])}</p>",
        '<p>Machine-readable: <a href="openapi.json">openapi.json</a> (OpenAPI 3.1).</p>',
        '<nav aria-label="Functions"><ul>',
    ]
    listed = list(_operations(description))
    parts += [
        f'<li><a href="#{op["operationId"]}"><code>{method} {escape(path)}</code></a> {_text(op["summary"])}</li>'
        for path, method, op in listed
        if not path.startswith("/call")
    ]
    parts.append("</ul></nav>")
    for tag in description["tags"]:
        parts.append(f"<h2>{escape(tag['name'])}</h2><p>{_text(tag['description'])}</p>")
        for path, method, operation in listed:
            if operation["tags"] == [tag["name"]]:
                parts += _operation(path, method, operation)
    parts.append("<h2>Objects</h2>")
    for name, schema in description["components"]["schemas"].items():
        parts.append(f'<h3 id="{name}">{name}</h3>{_described(schema)}<pre>{_schema(schema)}</pre>')
    return "\n".join([*parts, "</html>", ""])


def _operations(description: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in description["paths"].items():
        for method in ("get", "post", "delete"):
            if method in item:
                yield path, method.upper(), item[method]


def _operation(path: str, method: str, operation: Json) -> Iterator[str]:
    anchor = operation["operationId"]
    yield f'<h3 id="{anchor}"><span class="method">{method}</span> <code>{escape(path)}</code></h3>'
    yield f"<p>{_text(operation['summary'])}</p>"
    if operation.get("description"):
        yield f'<p class="quiet">{_text(operation["description"])}</p>'
    if parameters := operation.get("parameters"):
        yield "<table><tr><th>field<th>in<th>type</tr>"
        for one in parameters:
            must = "" if one["required"] else " <span class=quiet>optional</span>"
            name = escape(one["name"])
            yield f"<tr><td><code>{name}</code>{must}<td>{one['in']}<td><code>{_schema(one['schema'])}</code></tr>"
        yield "</table>"
    if (body := operation.get("requestBody")) is not None:
        yield f"<p>Body:</p><pre>{_schema(_of(body))}</pre>{_example(body)}"
    yield "<table><tr><th>HTTP<th>meaning</tr>"
    for http, answer in operation["responses"].items():
        lines = "<br>".join(_text(line.removeprefix("- ")) for line in answer["description"].splitlines())
        shown = f"<br>{_schema(_of(answer))}{_example(answer)}" if int(http) < 400 else ""
        yield f"<tr><td>{http}<td>{lines}{shown}</tr>"
    yield "</table>"


def _of(content: Json) -> Json:
    schema: Json = content["content"]["application/json"]["schema"]
    return schema


def _example(content: Json) -> str:
    example = content["content"]["application/json"].get("example")
    return f"<pre>{escape(json.dumps(example, indent=2))}</pre>" if example else ""


def _described(schema: Json) -> str:
    return f"<p>{_text(schema['description'].split('Attributes:')[0].strip())}</p>" if "description" in schema else ""


def _schema(schema: Any) -> str:
    """A schema in short form; names of objects link to their section."""
    match schema:
        case {"$ref": str(ref)}:
            name = escape(ref.rpartition("/")[2])
            return f'<a href="#{name}">{name}</a>'
        case {"enum": list(values)}:
            return " | ".join(escape(json.dumps(value)) for value in values)
        case {"const": value}:
            return escape(json.dumps(value))
        case {"anyOf": list(choices)}:
            return " | ".join(map(_schema, choices))
        case {"type": "array", "items": items}:
            return f"[{_schema(items)}, …]"
        case {"type": "object", "properties": dict(properties)}:
            must = set(schema.get("required", ()))
            lines = [f"  {escape(name)}{'' if name in must else '?'}: {_schema(of)}" for name, of in properties.items()]
            return "{\n" + "\n".join(_indented(line) for line in lines) + "\n}"
        case {"type": str(kind)}:
            bounds = [f"{word} {schema[key]}" for key, word in _BOUNDS.items() if key in schema]
            return escape(" ".join([schema.get("format", kind), *([f"({', '.join(bounds)})"] if bounds else [])]))
        case _:
            return "any JSON value"


_BOUNDS = {"minLength": "at least", "maxLength": "at most", "pattern": "like", "minimum": "from", "maximum": "to"}


def _indented(line: str) -> str:
    return line.replace("\n", "\n  ")


def _text(text: str) -> str:
    """HTML of plain text that may contain `code` and links."""
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    return re.sub(r"https://[^\s<)]+[^\s<).,;]", lambda found: f'<a href="{found[0]}">{found[0]}</a>', marked)
