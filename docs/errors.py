"""Which function refuses a call with which error, read from the code; `python -m docs.errors` writes docs/errors.md.

Reads the source, imports nothing of it but the error tree and the catalogue. What a function can reach is followed by
names: from its body through what that mentions, and through every method of a mentioned class whose name is mentioned.
So the table may name a refusal that a function catches; it lacks none. tests/e2e/afterwards holds it against what was
heard.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import main
from shared.contract.errors import CATALOGUE, Refusal
from shared.domain import errors

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "docs" / "errors.md"
ERRORS = {name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)}
CODES = {kind.name: errors.ProviderError("", kind=kind, error_type="", error_code="").code for kind in errors.ErrorKind}
# What runs a function's own code when a class is made, without being named.
IMPLICIT = {"__init__", "__call__", "__post_init__", "__enter__", "__exit__", "__iter__"}
INTERNAL = {"Conflict", "CommitTooLarge"}
VALIDATORS = {"model_validator", "field_validator"}
INTRODUCTION = """\
# Errors

Every refusal of every HTTP function. Written by `make docs` from the code; do not edit.

REST and callable protocol answer in one form, with the HTTP status of the table:

```json
{"error": {"status": "NOT_FOUND", "message": "…", "details": {"code": "connection_not_found"}}}
```

Decide by `details.code`; `message` is for developers and may change. `details` may also hold `retry_after_seconds` (and
the header `Retry-After`), `connection_id`, `display_message` (Plaid's words for the user) and `plaid` (`error_type`,
`error_code`, `request_id`: support asks for it). In the `results` of an exchange of several `items`, an `error` has the
same form.

| code | HTTP | status | when | what the app should do |
|---|---|---|---|---|"""
Unit = tuple[str, str]


@dataclass(slots=True)
class Module:
    """A source file: what its names mean, and its parts. A method is named `Class.method`."""

    names: dict[str, Unit] = field(default_factory=dict)
    parts: dict[str, list[ast.AST]] = field(default_factory=dict)
    methods: dict[str, dict[str, bool]] = field(default_factory=dict)  # of each class: name, whether it runs unnamed
    codes: dict[str, str] = field(default_factory=dict)  # functions that make an error: the class of it


@cache
def source() -> dict[str, Module]:
    """All that is deployed."""
    paths = [*(ROOT / "shared").rglob("*.py"), *(ROOT / "functions").glob("*.py")]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): _module(path) for path in paths}


def refusals() -> dict[str, list[Refusal]]:
    """For each HTTP function the refusals that it may answer with, in the catalogue's order."""
    found = {name: {code for _, code in raised(("functions." + name, name))} for name in http_functions()}
    return {name: [refusal for code, refusal in CATALOGUE.items() if code in codes] for name, codes in found.items()}


def http_functions() -> list[str]:
    """Those that answer HTTP requests of apps, or of Plaid."""
    return [name for name in main.FUNCTIONS if "https_fn.on_request" in _text(f"functions/{name}.py")]


def raised(start: Unit) -> set[tuple[str, str]]:
    """The errors that are made in whatever a part of the source can reach: class and code."""
    return {error for unit in _reach(start) for error in _errors(unit)}


def all_raised() -> set[tuple[str, str]]:
    """The errors that are made anywhere."""
    return {e for name, module in source().items() for part in module.parts for e in _errors((name, part))}


def _reach(start: Unit) -> set[Unit]:
    """Goes on until nothing new is mentioned."""
    reached: set[Unit] = set()
    classes: set[Unit] = set()
    attributes: set[str] = set()
    waiting = [start]
    while waiting:
        while waiting:
            unit = waiting.pop()
            if unit in reached or unit[0] not in source():
                continue
            reached.add(unit)
            module, part = unit
            if part in source()[module].methods:
                classes.add(unit)
            for mention in _mentions(unit):
                if isinstance(mention, str):
                    attributes.add(mention)
                else:
                    waiting.append(mention)
        for module, kind in classes:
            for method, unnamed in source()[module].methods[kind].items():
                if unnamed or method in attributes:
                    waiting.append((module, f"{kind}.{method}"))
        waiting = [unit for unit in waiting if unit not in reached]
    return reached


def _mentions(unit: Unit) -> Iterator[Unit | str]:
    """What a part names: things of ours, and attributes of whatever it may be."""
    module = source()[unit[0]]
    for node in _walk(module.parts.get(unit[1], [])):
        if isinstance(node, ast.Name):
            if node.id in module.names:
                yield module.names[node.id]
            elif node.id in module.parts:
                yield unit[0], node.id
        elif isinstance(node, ast.Attribute):
            owner = module.names.get(node.value.id) if isinstance(node.value, ast.Name) else None
            within = f"{owner[0]}.{owner[1]}" if owner else ""
            yield (within, node.attr) if within in source() else node.attr


def _errors(unit: Unit) -> Iterator[tuple[str, str]]:
    """The errors that a part makes."""
    module = source()[unit[0]]
    nodes = list(_walk(module.parts.get(unit[1], [])))
    kinds = {name: name for name in ERRORS if module.names.get(name) == (errors.__name__, name)} | module.codes
    if unit[0] == errors.__name__:
        kinds |= {name: name for name in ERRORS}
    for node in nodes:  # a variable that holds a class of errors: `kind: type[ProviderError]`
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            made = ast.unparse(node.annotation).removeprefix("type[").removesuffix("]")
            if ast.unparse(node.annotation) == f"type[{made}]" and made in ERRORS:
                kinds[node.target.id] = made
    for node in nodes:
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        kind = kinds.get(name, "") if isinstance(node.func, ast.Name) else name * (name in ERRORS)
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        if kind == "MethodNotAllowed":
            yield kind, "method_not_allowed"
        elif kind in ERRORS and issubclass(ERRORS[kind], errors.ServiceError):
            stated = given.get("kind")
            sure = isinstance(stated, ast.Attribute) and stated.attr in CODES
            yield from ((kind, code) for code in ([CODES[stated.attr]] if sure else sorted({*CODES.values()})))  # type: ignore[union-attr]
        elif kind in ERRORS and isinstance(code := given.get("code"), ast.Constant):
            yield kind, str(code.value)
        elif kind in INTERNAL or kind not in ERRORS or unit[1] in module.codes:
            continue  # never leaves the backend; no error; or one whose callers name the code
        else:
            raise ValueError(f"{unit[0]}.{unit[1]}: line {node.lineno}: an error without a code that can be read")


def _walk(nodes: list[ast.AST]) -> Iterator[ast.AST]:
    """All that runs; what types say does not."""
    for node in nodes:
        yield node
        typed = {"annotation", "returns"}
        for name, value in ast.iter_fields(node):
            if name not in typed:
                children = value if isinstance(value, list) else [value]
                yield from _walk([child for child in children if isinstance(child, ast.AST)])


def _module(path: Path) -> Module:
    module = Module()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("shared", "functions")):
            for name in node.names:
                module.names[name.asname or name.name] = (node.module or "", name.name)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            module.parts[node.name] = [node]
            made = ast.unparse(node.returns) if node.returns else ""
            takes_code = any(argument.arg == "code" for argument in node.args.kwonlyargs)
            if made in ERRORS and takes_code:
                module.codes[node.name] = made
        elif isinstance(node, ast.ClassDef):
            methods = [part for part in node.body if isinstance(part, ast.FunctionDef)]
            rest = [part for part in node.body if not isinstance(part, ast.FunctionDef)]
            module.parts[node.name] = [*node.decorator_list, *node.bases, *rest]
            module.methods[node.name] = {method.name: _runs_unnamed(method) for method in methods}
            module.parts |= {f"{node.name}.{method.name}": [method] for method in methods}
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    module.parts[target.id] = [node.value]
    return module


def _runs_unnamed(method: ast.FunctionDef) -> bool:
    decorators = ast.unparse(ast.Tuple(list(method.decorator_list)))
    return method.name in IMPLICIT or any(name in decorators for name in VALIDATORS)


def _text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def rendered() -> str:
    """The text of docs/errors.md."""
    of_each = refusals()
    apps = {
        name: {r.code for r in found} for name, found in of_each.items() if "id_token_missing" in {*map(_code, found)}
    }
    common = set.intersection(*apps.values())
    lines = [INTRODUCTION]
    lines += [f"| `{r.code}` | {r.http} | `{r.status}` | {r.when} | {r.app} |" for r in CATALOGUE.values()]
    lines += ["", "## By function", "", "Every function for signed-in users may answer with:", ""]
    lines += [_listed(code for code in CATALOGUE if code in common), ""]
    lines += ["| function | also |", "|---|---|"]
    for name, found in of_each.items():
        own = [r.code for r in found if name not in apps or r.code not in common]
        alone = "" if name in apps else "only: "
        lines.append(f"| `{name}` | {alone}{_listed(own) or 'nothing'} |")
    return "\n".join([*lines, ""])


def _listed(codes: Iterator[str] | list[str]) -> str:
    return ", ".join(f"`{code}`" for code in codes)


def _code(refusal: Refusal) -> str:
    return refusal.code


if __name__ == "__main__":
    TABLE.write_text(rendered(), encoding="utf-8")
