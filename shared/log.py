"""Structured logs: a constant event name, and fields as keywords that contain ids, never objects.

Each line is one JSON object in the form that Cloud Logging understands
(https://cloud.google.com/logging/docs/structured-logging). Everything that looks like a token is redacted, in the lines
of all loggers. shared/contract/log_events.py declares the event names.
"""

import contextvars
import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shared import trace

_bound: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("bound", default=None)

SECRETS = ("PLAID_SECRET", "PLAID_EU_SECRET", "VAULT_KEYSET", "AUDIT_KEYSET")
"""Environment variables that hold secrets: their values are always redacted."""

_REDACTED = "[redacted]"
_SHAPES = re.compile(
    r"(?:access|public|link|processor)-(?:sandbox|production|development)-[0-9A-Za-z-]{8,}"  # Plaid's tokens
    r"|\beyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]+\.[0-9A-Za-z_-]*"  # signed tokens
    r"|\bya29\.[0-9A-Za-z_-]+"  # Google's access tokens
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)"
    r"|(?i:(?<=bearer )[^\s\"'\\]+)",
    re.DOTALL,
)
_NAMES = r"secret|client_secret|access_token|public_token|link_token|id_token|refresh_token|private_key|password"
# Matches `"access_token": "…"`, `'PLAID-SECRET': '…'` and `secret=…`: in JSON, a repr or a query, escaped or not.
_NAMED = re.compile(rf"(?i)\b((?:plaid-)?(?:{_NAMES})\\*[\"']?\s*[:=]\s*b?\\*[\"']?)([^\s\"'\\,;&}}\]]{{4,}})")
_SENSITIVE = re.compile(rf"(?i)(?:plaid-)?(?:{_NAMES}|authorization)")
_known: re.Pattern[str] | None = None


def redact(text: str) -> str:
    """Redacts what looks like a token or key, has the name of one, or is a secret of this process."""
    text = _NAMED.sub(rf"\1{_REDACTED}", _SHAPES.sub(_REDACTED, text))
    return _known.sub(_REDACTED, text) if _known is not None else text


def _clean(value: Any) -> Any:
    """Redacts any value of a log line."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return redact(value)
        case dict():
            return {
                redact(str(name)): _REDACTED if inner and _SENSITIVE.fullmatch(str(name)) else _clean(inner)
                for name, inner in value.items()
            }
        case list() | tuple() | set() | frozenset():
            return [_clean(inner) for inner in value]
        case _:
            return redact(str(value))


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Formats a record as redacted JSON."""
        level = record.levelname if record.levelname in _SEVERITIES else "DEFAULT"
        entry: dict[str, Any] = {"severity": level, "message": record.getMessage(), "logger": record.name}
        entry["time"] = datetime.fromtimestamp(record.created, UTC).isoformat()
        if (within := trace.current()) is not None:
            entry |= within.fields()
        bound = _bound.get() or {}
        if labels := {name: str(bound[name]) for name in LABELS if name in bound}:
            entry["logging.googleapis.com/labels"] = labels
        entry |= bound
        entry |= getattr(record, "fields", {})
        if record.exc_info:
            entry["exception"] = record.exc_text or self.formatException(record.exc_info)
        return json.dumps(_clean(entry))


LABELS = ("function",)
"""Fields that are also written as labels, because Cloud Logging indexes labels."""

_SEVERITIES = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})


class _Record(logging.LogRecord):
    """A log record of any logger, redacted before any handler sees it.

    Two libraries log bodies that may contain users' data: firebase-functions logs the request bodies that it refuses,
    plaid-python logs the response bodies, which contain accounts. Only the first words of their messages are kept.
    """

    def __init__(self, name: str, level: int, pathname: str, *rest: Any, **more: Any) -> None:
        super().__init__(name, level, pathname, *rest, **more)
        text = str(self.msg)
        if "firebase_functions" in pathname or (name.startswith("plaid") and level <= logging.DEBUG):
            text = text.partition(":")[0].partition("%")[0].strip()
        elif self.args:
            # If the arguments do not fit the message, logging would print them to stderr, bypassing all handlers.
            with suppress(TypeError, ValueError, KeyError):
                text = text % self.args
        self.msg, self.args = redact(text), ()
        if self.exc_info and self.exc_info[0] is not None:
            self.exc_text = redact(logging.Formatter().formatException(self.exc_info))
        if self.stack_info:
            self.stack_info = redact(self.stack_info)


class Log:
    """The backend's own log."""

    def __init__(self) -> None:
        self._logger = logging.getLogger("bank")

    def debug(self, event: str, **fields: Any) -> None:
        """Logs a detail for debugging."""
        self._logger.debug(event, extra={"fields": fields})

    def info(self, event: str, **fields: Any) -> None:
        """Logs a normal event."""
        self._logger.info(event, extra={"fields": fields})

    def warning(self, event: str, **fields: Any) -> None:
        """Logs a problem that the backend handles itself."""
        self._logger.warning(event, extra={"fields": fields})

    def error(self, event: str, **fields: Any) -> None:
        """Logs a problem that an operator must check."""
        self._logger.error(event, extra={"fields": fields})

    def exception(self, event: str, **fields: Any) -> None:
        """Logs a bug with its stack trace."""
        self._logger.error(event, exc_info=sys.exc_info(), extra={"fields": fields})

    @contextmanager
    def bound(self, **fields: Any) -> Iterator[None]:
        """Adds fields to every line that is logged within the context."""
        token = _bound.set((_bound.get() or {}) | fields)
        try:
            yield
        finally:
            _bound.reset(token)


log = Log()


def configure() -> bool:
    """Makes all loggers write redacted JSON. Returns True on the first call.

    Called when the framework loads a function, and by the triggers' guard.
    """
    root = logging.getLogger()
    if any(isinstance(handler.formatter, JsonFormatter) for handler in root.handlers):
        return False
    strike_out()
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    root.handlers[:] = [handler]
    root.setLevel((os.environ.get("BANK_LOG_LEVEL") or "INFO").upper())
    for name in ("plaid", "urllib3", "google", "werkzeug"):
        logging.getLogger(name).setLevel(max(root.level, logging.INFO))
    return True


def strike_out() -> None:
    """Redacts secrets in all records of all loggers from now on."""
    global _known  # a process has one environment
    values = [os.environ.get(name, "") for name in SECRETS]
    keys = [key for value in values for key in re.findall(r'"value":\s*"([^"]{8,})"', value)]
    secrets = sorted({value for value in (*values, *keys) if len(value) >= _SHORTEST}, key=len, reverse=True)
    _known = re.compile("|".join(map(re.escape, secrets))) if secrets else None
    logging.setLogRecordFactory(_Record)


_SHORTEST = 8  # a shorter value could match ordinary words


def age() -> float | None:
    """Seconds since the server started; None if unknown. The server is the parent process, which forks this one."""
    try:
        ticks = int(Path(f"/proc/{os.getppid()}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19])
        up = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return round(up - ticks / os.sysconf("SC_CLK_TCK"), 2)
