"""Generates the API reference from the code: `make docs` writes docs/api/openapi.json, which /reference/ shows.

Routes, inputs and errors come from the functions' modules, responses from shared/contract/responses.py. Tests compare
the description with the running functions, both ways.
"""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from docs.errors import refusals
from docs.examples import CONNECTION_ID, DETAILS, REQUESTS, RESPONSES
from docs.schemas import closed, distinct, json_of, narrow, object_of, parameter, untitled
from shared.contract.errors import CATALOGUE
from shared.contract.refusal import Refusal
from shared.contract.responses import (
    BalancesAnswer,
    ConnectionAnswer,
    LinkTokenAnswer,
    NothingMore,
    ReconnectedAnswer,
    SyncAnswer,
)
from shared.serving.declared_errors import BODY_ERRORS
from shared.serving.http import Route

Json = dict[str, Any]

DESCRIPTION = Path(__file__).parent / "api" / "openapi.json"
WEBHOOK = "plaid_webhook"
CALLABLE_SERVER = "https://{region}-{project}.cloudfunctions.net"
SCHEMA = "#/components/schemas/{model}"
REQUEST_ID = "The id of this request. Report it with problems: operators use it to find the log lines of the request."

ANSWERS: dict[str, dict[int, type[BaseModel]]] = {
    "create_link_token": {200: LinkTokenAnswer},
    "exchange_public_token": {201: ConnectionAnswer, 200: ConnectionAnswer},
    "sync_connection": {202: SyncAnswer},
    "reconnect_connection": {200: ReconnectedAnswer},
    "refresh_balances": {200: BalancesAnswer},
    "remove_connection": {202: NothingMore},
    "delete_bank_data": {202: NothingMore},
}
MEANS = {
    "create_link_token": {200: "The new Link token."},
    "exchange_public_token": {
        201: "The new connection.",
        200: "The existing connection: this public token was exchanged before, or its item already has a connection "
        "(after update mode). With `items`: one result per item, in the same order.",
    },
    "sync_connection": {202: "The sync was requested. Listen to the progress document to follow it."},
    "reconnect_connection": {200: "The connection's current status at Plaid."},
    "refresh_balances": {200: "The connection's accounts with their balances."},
    "remove_connection": {202: "The connection was removed. Its remaining data is deleted within a minute."},
    "delete_bank_data": {202: "The connections were removed. All other bank data is deleted within minutes."},
}

RESULTS_ONLY = {"exchange_not_started"}  # returned for single items only, in `results`


def described() -> Json:
    """The OpenAPI description of all HTTP functions."""
    functions = {name: importlib.import_module(f"functions.{name}") for name in ANSWERS}
    paths: Json = {}
    for name, module in functions.items():
        paths.setdefault(module.ROUTE.path, {})[module.ROUTE.method.lower()] = _rest(name, module.ROUTE, module.Input)
    webhook = importlib.import_module(f"functions.{WEBHOOK}")
    paths[webhook.ROUTE.path] = {"post": _webhook(webhook)}
    paths["/api/{path}"] = {"get": _elsewhere()}
    for name in functions:
        paths[f"/{name}"] = {"servers": [_callable_server()], "post": _callable(name)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "OmniButler bank backend",
            "version": "1",
            "summary": "Bank connections for Firebase apps.",
            "description": _introduction(),
        },
        "servers": [{"url": "https://{host}", "variables": {"host": {"default": "app.example.com"}}}],
        "security": [{"firebase": []}],
        "tags": [
            {"name": "REST", "description": "The REST API, served through Firebase Hosting."},
            {"name": "callable", "description": "For the Firebase SDKs: `httpsCallable(functions, name)`."},
            {"name": "Plaid", "description": "Only Plaid calls these."},
        ],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "firebase": {"type": "http", "scheme": "bearer", "description": "The user's Firebase ID token."}
            },
            "headers": _headers(),
            "schemas": _schemas(functions.values()),
        },
    }


def answered(name: str, *, method: str) -> list[Refusal]:
    """The errors that a function returns to calls with a method; `callable` counts as a method."""
    not_answered = RESULTS_ONLY | {"path_not_found"}
    if method != "POST":
        not_answered |= {"unexpected_query"}
    if method == "GET":
        not_answered |= {*BODY_ERRORS}
    return [refusal for refusal in refusals()[name] if refusal.code not in not_answered]


def rendered() -> str:
    """The text of docs/api/openapi.json."""
    return json.dumps(described(), indent=1, ensure_ascii=False) + "\n"


def _introduction() -> str:
    return (
        "Call every function as REST or with the callable protocol of the Firebase SDKs. Authenticate with the user's "
        "Firebase ID token; it alone identifies the user. If the backend enforces App Check, also send the header "
        "`X-Firebase-AppCheck`. Unknown fields are rejected; null means the same as an absent field. Handle errors by "
        "`details.code`; `message` is for developers and may change."
    )


def _rest(name: str, route: Route, takes: type[BaseModel]) -> Json:
    schema = takes.model_json_schema()
    in_path = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    operation = _operation(name, "REST")
    operation["parameters"] = [
        parameter(field, inner, schema, place="path" if field in in_path else "query")
        for field, inner in schema.get("properties", {}).items()
        if field in in_path or route.method != "POST"
    ]
    if route.method == "POST" and set(schema.get("properties", {})) - set(in_path):
        body = json_of({"$ref": SCHEMA.format(model=_input_name(name))}, example=REQUESTS.get(name))
        operation["requestBody"] = body | {"required": True}
    answers = {
        str(http): _answer(name, http, _body(name, http), example=RESPONSES[name][http]) for http in ANSWERS[name]
    }
    operation["responses"] = answers | _refused(answered(name, method=route.method))
    return operation


def _callable(name: str) -> Json:
    operation = _operation(name, "callable")
    operation["operationId"] = f"call_{name}"
    data = {"anyOf": [{"$ref": SCHEMA.format(model=_input_name(name))}, {"type": "null"}]}
    operation["requestBody"] = json_of(object_of({"data": data}), example={"data": _called_with(name)}, required=True)
    bodies = [_body(name, http) for http in ANSWERS[name]]
    result = bodies[0] if len(bodies) == 1 else {"anyOf": distinct(bodies)}
    http = next(iter(ANSWERS[name]))
    means = " ".join(MEANS[name].values())
    example = {"result": RESPONSES[name][http]}
    answer = _answer(name, http, object_of({"result": result}), means=means, example=example)
    operation["responses"] = {"200": answer} | _refused(answered(name, method="callable"))
    return operation


def _called_with(name: str) -> Json:
    fields = importlib.import_module(f"functions.{name}").Input.model_fields
    must = [field for field, info in fields.items() if info.is_required()]
    return REQUESTS.get(name) or dict.fromkeys(must, CONNECTION_ID)


def _webhook(module: Any) -> Json:
    nothing = {"$ref": SCHEMA.format(model="NothingMore")}
    kept = _answer(WEBHOOK, 200, nothing, means="The webhook was recorded.", example={})
    return _operation(WEBHOOK, "Plaid", doc=inspect.getdoc(module)) | {
        "security": [],
        "parameters": [
            {
                "name": "Plaid-Verification",
                "in": "header",
                "required": True,
                "description": "Plaid's signature: https://plaid.com/docs/api/webhooks/webhook-verification/",
                "schema": {"type": "string"},
            }
        ],
        "requestBody": json_of({"type": "object"}, example=REQUESTS[WEBHOOK], required=True),
        "responses": {"200": kept} | _refused(answered(WEBHOOK, method="POST")),
    }


def _elsewhere() -> Json:
    return {
        "operationId": "api_not_found",
        "summary": "Any other path, with any method.",
        "security": [],
        "tags": ["REST"],
        "parameters": [{"name": "path", "in": "path", "required": True, "schema": {"type": "string"}}],
        "responses": _refused([CATALOGUE["path_not_found"]]),
    }


def _operation(name: str, tag: str, *, doc: str | None = None) -> Json:
    module = importlib.import_module(f"functions.{name}")
    route_and_purpose = (inspect.getdoc(module) or "").splitlines()[0]
    purpose = route_and_purpose.partition(": ")[2] or route_and_purpose
    return {
        "operationId": name,
        "summary": purpose[:1].upper() + purpose[1:],
        "description": (inspect.getdoc(getattr(module, name)) or "") if doc is None else doc,
        "tags": [tag],
    }


def _body(name: str, http: int) -> Json:
    ref = {"$ref": SCHEMA.format(model=ANSWERS[name][http].__name__)}
    if (name, http) == ("exchange_public_token", 200):
        return {"anyOf": [ref, {"$ref": SCHEMA.format(model="Results")}]}
    return ref


def _answer(name: str, http: int, schema: Json, *, means: str | None = None, example: Json | None = None) -> Json:
    headers = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
    return {"description": means or MEANS[name][http], "headers": headers, **json_of(schema, example=example)}


def _refused(found: Iterable[Refusal]) -> Json:
    """One response per HTTP status, with the error codes that it may have."""
    by_status = groupby(sorted(found, key=lambda r: r.http), key=lambda r: r.http)
    return {str(http): _refusal(list(group)) for http, group in by_status}


def _refusal(group: list[Refusal]) -> Json:
    headers = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
    if group[0].http in (429, 503):
        headers["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
    if group[0].http == 405:
        headers["Allow"] = {"$ref": "#/components/headers/Allow"}
    codes = {"type": "object", "properties": {"code": {"enum": [r.code for r in group]}}}
    statuses = {"enum": sorted({r.status for r in group})}
    narrowed = narrow({"error": narrow({"status": statuses, "details": codes})})
    schema = {"allOf": [{"$ref": SCHEMA.format(model="Refusal")}, narrowed]}
    lines = [f"- `{r.code}`: {r.when} {r.app}" for r in group]
    examples = {r.code: {"summary": r.code, "value": _example(r)} for r in group}
    return {"description": "\n".join(lines), "headers": headers, **json_of(schema, examples=examples)}


def _example(refusal: Refusal) -> Json:
    details = {"code": refusal.code, **DETAILS.get(refusal.code, {})}
    return {"error": {"status": refusal.status, "message": refusal.when.replace("`", ""), "details": details}}


def _schemas(modules: Iterable[Any]) -> Json:
    inputs = {module.Input: _input_name(module.__name__.rpartition(".")[2]) for module in modules}
    answers = sorted({model for models in ANSWERS.values() for model in models.values()}, key=lambda m: m.__name__)
    _, made = models_json_schema([(model, "serialization") for model in answers], ref_template=SCHEMA)
    schemas: Json = {name: closed(schema) for name, schema in made["$defs"].items()}
    for model, name in inputs.items():
        schema = model.model_json_schema(ref_template=SCHEMA)
        schemas |= schema.pop("$defs", {})
        schemas[name] = schema
    schemas = {name: untitled(schema) for name, schema in schemas.items()}
    schemas["Refusal"] = _refusal_schema()
    connected = {"$ref": SCHEMA.format(model="ConnectionAnswer")}
    each = {"anyOf": [connected, {"$ref": SCHEMA.format(model="Refusal")}]}
    schemas["Results"] = object_of({"results": {"type": "array", "items": each, "minItems": 1, "maxItems": 10}})
    return dict(sorted(schemas.items()))


def _refusal_schema() -> Json:
    text = {"type": "string"}
    plaid = object_of({"error_type": text, "error_code": text, "request_id": text})
    plaid["description"] = "Plaid's error. Plaid's support asks for the `request_id`."
    details = object_of({"code": {"enum": sorted(CATALOGUE)}})
    details["properties"] |= {
        "retry_after_seconds": {"type": "integer", "minimum": 0},
        "connection_id": text,
        "accounts": {
            "type": "array",
            "items": object_of({"account_id": text, "name": text, "mask": {"type": ["string", "null"]}}),
            "description": "With `duplicate_connection`: the accounts of that connection that are already connected.",
        },
        "display_message": text | {"description": "Plaid's message for the user."},
        "plaid": plaid,
    }
    status = {"enum": sorted({refusal.status for refusal in CATALOGUE.values()})}
    return object_of({"error": object_of({"status": status, "message": text, "details": details})})


def _headers() -> Json:
    return {
        "X-Request-Id": {"description": REQUEST_ID, "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"}},
        "Retry-After": {"description": "Seconds to wait before a retry, if known.", "schema": {"type": "integer"}},
        "Allow": {"description": "The method that this path accepts.", "schema": {"type": "string"}},
    }


def _callable_server() -> Json:
    variables = {"region": {"default": "us-central1"}, "project": {"default": "my-project"}}
    return {"url": CALLABLE_SERVER, "variables": variables}


def _input_name(function: str) -> str:
    return "".join(part.capitalize() for part in function.split("_")) + "Input"


if __name__ == "__main__":
    DESCRIPTION.write_text(rendered(), encoding="utf-8")
