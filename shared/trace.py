"""One trace from an app's call through triggers and tasks to the last commit.

Each call of an HTTP function gets a new trace id. The id that the caller sent, in W3C's `traceparent`
(https://www.w3.org/TR/trace-context/) or Google's `X-Cloud-Trace-Context`
(https://cloud.google.com/trace/docs/trace-context), is only logged (`caller_trace`). Every log line has the trace id in
the form that Cloud Logging groups by. Tasks carry it as a header, and private documents store it, so that a later retry
by the scheduler logs to the same trace as the original call.
"""

import contextvars
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, Self

HEADER = "traceparent"
GOOGLE_HEADER = "X-Cloud-Trace-Context"

_W3C = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_GOOGLE = re.compile(r"(?!0{32})([0-9a-fA-F]{32})(?:/(\d{1,20}))?(?:;o=(\d))?")


class Headers(Protocol):
    """The headers of a request, of any web framework."""

    def get(self, name: str, default: str, /) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Trace:
    """The position in a trace: its id and the current span."""

    trace_id: str  # 32 hexadecimal digits
    span_id: str  # 16
    sampled: bool = False

    @classmethod
    def new(cls) -> Self:
        """Starts a new trace."""
        return cls(secrets.token_hex(16), secrets.token_hex(8))

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Parses a `traceparent`; None if it is invalid."""
        found = _W3C.fullmatch(text.strip()) if text else None
        return cls(found[1], found[2], bool(int(found[3], 16) & 1)) if found else None

    @classmethod
    def of(cls, headers: Headers) -> Self:
        """The trace of a request that the backend itself sent, such as a task; a new one if the headers name none."""
        return cls.named(headers) or cls.new()

    @classmethod
    def named(cls, headers: Headers) -> Self | None:
        """The trace that a request's headers name, if any."""
        if (named := cls.parse(headers.get(HEADER, ""))) is not None:
            return named
        found = _GOOGLE.fullmatch(headers.get(GOOGLE_HEADER, "").strip())
        if found is None:
            return None
        span = int(found[2] or 0) & (2**64 - 1)
        return cls(found[1].lower(), f"{span:016x}" if span else secrets.token_hex(8), found[3] == "1")

    def header(self) -> str:
        """The trace as a `traceparent` header."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"

    def fields(self) -> dict[str, object]:
        """The trace as Cloud Logging's special fields: https://cloud.google.com/logging/docs/structured-logging"""
        project = os.environ.get("GCLOUD_PROJECT") or os.environ.get("GOOGLE_CLOUD_PROJECT") or "-"
        return {
            "logging.googleapis.com/trace": f"projects/{project}/traces/{self.trace_id}",
            "logging.googleapis.com/spanId": self.span_id,
            "logging.googleapis.com/trace_sampled": self.sampled,
        }


_current: contextvars.ContextVar[Trace | None] = contextvars.ContextVar("trace", default=None)


def current() -> Trace | None:
    """The current trace of this thread."""
    return _current.get()


def carried() -> str | None:
    """The current trace as a header for tasks and private documents."""
    trace = _current.get()
    return trace.header() if trace is not None else None


@contextmanager
def within(trace: Trace | None) -> Iterator[None]:
    """Runs the context in a trace; None keeps the current one."""
    token = _current.set(trace or _current.get())
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def resumed(header: str | None) -> Iterator[None]:
    """Runs the context in the trace that a document stored; None keeps the current trace."""
    with within(Trace.parse(header)):
        yield


def join(header: str | None) -> None:
    """Moves the current call, event or delivery to the trace that a document stored, if it stored one."""
    if (kept := Trace.parse(header)) is not None:
        _current.set(kept)
