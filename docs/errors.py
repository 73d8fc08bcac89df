"""Writes docs/errors.md, the errors that each HTTP function may return: `make docs`.

Each function declares its errors next to its route (shared/serving/http.py); shared/contract/errors.py describes them.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path

import main
from shared.contract.errors import CATALOGUE
from shared.contract.refusal import Refusal
from shared.serving.declared_errors import AUTHENTICATED_ERRORS
from shared.serving.http import Route

TABLE = Path(__file__).parent / "errors.md"
INTRODUCTION = """\
# Errors

All errors of all HTTP functions. Generated from the code by `make docs`; do not edit.

REST and callable calls return errors in the same form, with the HTTP status of the table:

```json
{"error": {"status": "NOT_FOUND", "message": "…", "details": {"code": "connection_not_found"}}}
```

Handle errors by `details.code`; `message` is for developers and may change. `details` may also contain
`retry_after_seconds` (also sent as the `Retry-After` header), `connection_id`, `display_message` (Plaid's message for
the user) and `plaid` (`error_type`, `error_code`, and the `request_id` that Plaid's support asks for). When an exchange
has several `items`, each `error` in its `results` has the same form.

| code | HTTP | status | when it happens | what the app should do |
|---|---|---|---|---|"""


def routes() -> dict[str, Route]:
    """The route of each HTTP function, by the function's name."""
    modules = {name: importlib.import_module(f"functions.{name}") for name in main.FUNCTIONS}
    return {name: module.ROUTE for name, module in modules.items() if hasattr(module, "ROUTE")}


def refusals() -> dict[str, list[Refusal]]:
    """The errors that each HTTP function declares, in the catalogue's order."""
    return {
        name: [refusal for code, refusal in CATALOGUE.items() if code in route.declared_errors]
        for name, route in routes().items()
    }


def rendered() -> str:
    """The text of docs/errors.md."""
    lines = [INTRODUCTION]
    lines += [f"| `{r.code}` | {r.http} | `{r.status}` | {r.when} | {r.app} |" for r in CATALOGUE.values()]
    lines += ["", "## By function", "", "Every function for signed-in users may return:", ""]
    lines += [_listed(AUTHENTICATED_ERRORS), "", "| function | also |", "|---|---|"]
    for name, route in routes().items():
        codes = f"only: {_listed(route.declared_errors)}" if route.public else _listed(route.errors)
        lines.append(f"| `{name}` | {codes} |")
    return "\n".join([*lines, ""])


def _listed(codes: Iterable[str]) -> str:
    """The codes in the catalogue's order."""
    declared = set(codes)
    return ", ".join(f"`{code}`" for code in CATALOGUE if code in declared)


if __name__ == "__main__":
    TABLE.write_text(rendered(), encoding="utf-8")
