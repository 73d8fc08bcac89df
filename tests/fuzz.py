"""Hostile requests: methods, headers, bodies, types, sizes, encodings, nesting, Unicode.

They are generated from each function's route and input, from nearly valid to complete nonsense.
"""

from __future__ import annotations

import importlib
import json
import string
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, get_args
from urllib.parse import quote

from hypothesis import strategies as st
from pydantic import BaseModel

from docs.errors import routes
from shared.contract.errors import CATALOGUE
from shared.serving.http import Route

FUNCTIONS = tuple(routes())
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW")
LONG = 300_000
ALIEN = "ÅÄÖ 🎂 \u202e\u0000\ufffe'\"\\<script>${jndi:x}../../%00%2e%2e;--"
TOO_LONG_IN_BYTES = "🎂" * 512  # 512 characters, and more bytes than a document's name may have
IDS = (
    *("1", "of-another", "", ".", "..", "__x__", "____", "a/b", "/", "x" * 128, "x" * 129, "x" * 512, "x" * 2000),
    *(ALIEN, "%2F", "\u0000", "a\u0000b", "\ufffd", "🎂" * 128, "🎂" * 375, TOO_LONG_IN_BYTES, "*", "`", "[0]", "a:b"),
)
TOKENS = (
    "public-sandbox-00000000-0000-4000-8000-000000000000",
    "public-production-00000000-0000-4000-8000-000000000000",
    "link-sandbox-00000000-0000-4000-8000-000000000000",
    "",
    "x" * 512,
    "x" * 513,
    ALIEN,
    TOO_LONG_IN_BYTES,
    "..",
    "__x__",
    "public-1\n",
)
SHOWS_A_STACK = ("Traceback", 'File "', "site-packages", "errors.pydantic.dev", "werkzeug", "gunicorn")


@dataclass(frozen=True)
class Wild:
    """A request."""

    method: str
    path: str  # as sent over the wire
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __repr__(self) -> str:
        return f"{self.method} {self.path[:200]} {self.headers} {self.body[:300]!r} ({len(self.body)} bytes)"


def wild_requests(function: str, *, authorizations: tuple[str | None, ...]) -> st.SearchStrategy[Wild]:
    """Requests to a function: over REST, in the callable protocol, and in neither."""
    module = importlib.import_module(f"functions.{function}")
    route: Route = module.ROUTE
    takes: type[BaseModel] | None = getattr(module, "Input", None)
    fields = _fields(takes) if takes else _json()
    bodies = st.one_of(fields, st.fixed_dictionaries({"data": fields}), _json()).map(_dumped)
    return st.builds(
        Wild,
        method=st.one_of(st.just(route.method), st.just("POST"), st.sampled_from(METHODS)),
        path=st.builds(_joined, _paths(route), _queries(takes)),
        headers=_headers(authorizations),
        body=st.one_of(bodies, bodies, bodies, _raw()),
    )


def complaints(wild: Wild, status: int, text: str, *, ours: bool) -> list[str]:
    """What is wrong with an answer.

    Args:
        wild: The request.
        status: The answer's HTTP status.
        text: The answer's body.
        ours: Whether only the function itself can have answered.
    """
    found = [f"HTTP {status}: {text[:300]}"] if status >= 500 else []
    found += [f"shows {sign}" for sign in SHOWS_A_STACK if sign in text]
    if not (ours and 400 <= status < 500 and wild.method != "HEAD"):
        return found
    try:
        error = json.loads(text)["error"]
        known = CATALOGUE[error["details"]["code"]]
    except (ValueError, KeyError, TypeError):
        return [*found, f"not an error in the contract's form: {text[:300]}"]
    if (known.http, known.status) != (status, error["status"]):
        found.append(f"{known.code} with {status} {error['status']}")
    return found


def alerts(lines: Iterable[str]) -> list[str]:
    """The lines of a worker's log that alert an operator, which no caller's input may cause."""
    return [line for line in lines if '"severity": "ERROR"' in line or '"severity": "CRITICAL"' in line]


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def _joined(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


def _paths(route: Route) -> st.SearchStrategy[str]:
    ids = st.one_of(st.sampled_from(IDS), st.text(max_size=40, alphabet=st.characters(codec="utf-8")))
    named = ids.map(lambda one: route.path.replace("{connection_id}", quote(one, safe="%")))
    odd = st.sampled_from(
        ("/api/v1/bank", "/api/", "/API/V1/BANK/CONNECT", "/x", "/api/v1/bank/%ff%fe", "/__/health/x")
    )
    return st.one_of(named, named, st.just("/"), odd)


def _queries(takes: type[BaseModel] | None) -> st.SearchStrategy[str]:
    names = st.sampled_from([*(takes.model_fields if takes else ()), "colour", "", ALIEN])
    values = st.one_of(
        st.sampled_from((*IDS, "true", "US", "en", "transactions")), st.text(max_size=20, alphabet=_UTF8)
    )
    pairs = st.lists(st.tuples(names, values), max_size=3)
    encoded = pairs.map(lambda some: "&".join(f"{quote(name)}={quote(value)}" for name, value in some))
    return st.one_of(
        st.just(""), st.just(""), encoded, st.sampled_from(("%ff=%fe", "&&&===", "a" * 2000, "[]=1&[a]=2"))
    )


def _headers(authorizations: tuple[str | None, ...]) -> st.SearchStrategy[dict[str, str]]:
    visible = st.text(string.ascii_letters + string.digits + string.punctuation + " ", max_size=60).map(str.strip)
    types = st.sampled_from(
        (
            *("application/json",) * 6,
            "application/json; charset=utf-16",
            "application/json; charset=nothing",
            "application/vnd.api+json",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "multipart/form-data; boundary=x",
            "text/plain",
            "",
            ";;;",
        )
    )
    others = {
        "Origin": st.sampled_from(("https://app.example", "https://evil.example", "null", "*", "x" * 2000)),
        "Access-Control-Request-Headers": st.one_of(visible, st.just("x, " * 300 + "x")),
        "Access-Control-Request-Method": st.sampled_from(METHODS),
        "X-Firebase-AppCheck": visible,
        "Plaid-Verification": st.one_of(visible, st.just(UNKNOWN_KEY), st.just("a.b.c")),
        "traceparent": st.one_of(visible, st.just("00-" + "a" * 32 + "-" + "b" * 16 + "-01")),
        "X-Cloud-Trace-Context": st.one_of(visible, st.just("f" * 32 + "/99999999999999999999;o=9")),
        "X-HTTP-Method-Override": st.sampled_from(METHODS),
        "X-Forwarded-Host": visible,
        "X-Cloudtasks-Taskname": visible,
        "Cookie": visible,
        "Accept": visible,
        "Accept-Encoding": st.sampled_from(("gzip", "identity;q=0", "x")),
        "Content-Encoding": st.sampled_from(("gzip", "br", "x")),
        "If-None-Match": visible,
        "Range": st.just("bytes=0-1"),
        "User-Agent": visible,
    }
    signed = st.sampled_from(authorizations).map(lambda sent: {} if sent is None else {"Authorization": sent})
    some = st.fixed_dictionaries({}, optional=others)
    few = st.one_of(st.just(dict[str, str]()), st.just(dict[str, str]()), some)
    return st.builds(lambda a, b, c: {**b, "Content-Type": c, **a}, signed, few, types)


UNKNOWN_KEY = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsifQ.e30." + "A" * 86  # like Plaid's signatures, by another signer
_UTF8 = st.characters(codec="utf-8")


def _json() -> st.SearchStrategy[Any]:
    leaves = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=30),  # lone surrogates, too: JSON allows them
        st.sampled_from((*IDS, *TOKENS, 10**400, -0.0, "x" * LONG)),
    )
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
        max_leaves=8,
    )


def _fields(takes: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with the model's fields, each of them valid, nearly valid or arbitrary."""
    optional = {
        name: st.one_of(_likely(name, info.annotation), *_hints(name), _json())
        for name, info in takes.model_fields.items()
    }
    near = st.fixed_dictionaries({}, optional=optional)
    extra = st.dictionaries(st.one_of(st.text(max_size=8), st.just("__proto__")), _json(), max_size=2)
    return st.one_of(near, near, st.builds(lambda a, b: {**b, **a}, near, extra))


def _hints(name: str) -> list[st.SearchStrategy[Any]]:
    """Metadata that an app passes on from Link; the model accepts any, so it describes none."""
    texts = st.one_of(st.sampled_from((*IDS, "ins_1", "Checking", "0000")), st.text(max_size=30))
    match name:
        case "institution":
            return [st.fixed_dictionaries({"institution_id": texts}, optional={"name": texts})]
        case "accounts":
            one = st.fixed_dictionaries({"name": texts, "mask": texts}, optional={"id": texts, "type": texts})
            return [st.lists(one, min_size=1, max_size=4)]
        case _:
            return []


def _likely(name: str, annotation: Any) -> st.SearchStrategy[Any]:
    """Plausible values of a field, by the types that its annotation mentions."""
    if (model := _model_in(annotation)) is not None:
        inner = st.deferred(lambda: _fields(model))
        return st.lists(inner, max_size=11) if "list" in str(annotation) else inner
    texts = st.sampled_from(
        TOKENS if "token" in name else (*IDS, "en", "US", "https://app.example/", "com.example.app")
    )
    if "list" in str(annotation):
        return st.lists(texts, max_size=3)
    return st.booleans() if "bool" in str(annotation) else texts


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)


_WHOLE = b'{"data": {"public_token": "x"}}'
HARD = (
    b"",
    b"{",
    b"[" * 100_000,
    b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    b'{"data":' * 500 + b"{}" + b"}" * 500,
    b'{"public_token": "a", "public_token": "b"}',
    b'{"data": {"public_token": NaN}}',
    b'{"public_token": ' + b"9" * 5000 + b"}",
    b'{"public_token": "\\ud800"}',
    b'{"\\ud800": 1}',
    b"\xef\xbb\xbf" + _WHOLE,
    _WHOLE.decode().encode("utf-16"),
    _WHOLE.decode().encode("utf-32"),
    b"\xff\xfe\x00",
    b"\x1f\x8b\x08\x00" + b"\x00" * 20,
    b'{"public_token": "' + b"x" * LONG + b'"}',
    b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n",
    b"public_token=x&public_token=y",
)
"""Bodies that are not the expected JSON, or that are hard to parse."""


def _raw() -> st.SearchStrategy[bytes]:
    return st.one_of(st.sampled_from(HARD), st.binary(max_size=60))
