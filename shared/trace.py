"""One trace from an app's call through triggers and tasks to the last commit.

Each call of an HTTP function gets an id here; the one that its caller sent is only noted (`caller_trace`), as W3C's
`traceparent` (https://www.w3.org/TR/trace-context/) or Google's `X-Cloud-Trace-Context`
(https://cloud.google.com/trace/docs/trace-context) name it. Every line of the log
bears the id in the form that Cloud Logging groups by. Tasks carry it as a header; private documents keep it for whoever
goes on with them later, so that a retry by the schedule belongs to the story of the call that it is about.
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
    """The headers of a request, as whoever serves it has them."""

    def get(self, name: str, default: str, /) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Trace:
    """Where we are: in which trace, and below which span of it."""

    trace_id: str  # 32 hexadecimal digits
    span_id: str  # 16
    sampled: bool = False

    @classmethod
    def new(cls) -> Self:
        """A trace that begins here."""
        return cls(secrets.token_hex(16), secrets.token_hex(8))

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """What a `traceparent` says; None if it says nothing that can be used."""
        found = _W3C.fullmatch(text.strip()) if text else None
        return cls(found[1], found[2], bool(int(found[3], 16) & 1)) if found else None

    @classmethod
    def of(cls, headers: Headers) -> Self:
        """The trace of a request from the backend itself, as of its tasks; a new one if it names none."""
        return cls.named(headers) or cls.new()

    @classmethod
    def named(cls, headers: Headers) -> Self | None:
        """The trace that a request's headers name."""
        if (named := cls.parse(headers.get(HEADER, ""))) is not None:
            return named
        found = _GOOGLE.fullmatch(headers.get(GOOGLE_HEADER, "").strip())
        if found is None:
            return None
        span = int(found[2] or 0) & (2**64 - 1)
        return cls(found[1].lower(), f"{span:016x}" if span else secrets.token_hex(8), found[3] == "1")

    def header(self) -> str:
        """As `traceparent`."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"

    def fields(self) -> dict[str, object]:
        """As the fields that Cloud Logging knows: https://cloud.google.com/logging/docs/structured-logging"""
        project = os.environ.get("GCLOUD_PROJECT") or os.environ.get("GOOGLE_CLOUD_PROJECT") or "-"
        return {
            "logging.googleapis.com/trace": f"projects/{project}/traces/{self.trace_id}",
            "logging.googleapis.com/spanId": self.span_id,
            "logging.googleapis.com/trace_sampled": self.sampled,
        }


_current: contextvars.ContextVar[Trace | None] = contextvars.ContextVar("trace", default=None)


def current() -> Trace | None:
    """The trace that this thread works in."""
    return _current.get()


def carried() -> str | None:
    """The current trace as it is put into tasks and private documents."""
    trace = _current.get()
    return trace.header() if trace is not None else None


@contextmanager
def within(trace: Trace | None) -> Iterator[None]:
    """Works in a trace; None changes nothing."""
    token = _current.set(trace or _current.get())
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def resumed(header: str | None) -> Iterator[None]:
    """Goes on with a trace that a document kept; without one, with the current trace."""
    with within(Trace.parse(header)):
        yield


def join(header: str | None) -> None:
    """From here on the current call, event or delivery belongs to the trace that a document kept, if it kept one."""
    if (kept := Trace.parse(header)) is not None:
        _current.set(kept)
