"""Structured logs: a constant event name, fields as keywords, ids and never objects.

One JSON object per line, in the form that Cloud Logging understands
(https://cloud.google.com/logging/docs/structured-logging). What looks like a token is struck out whoever logs it.
The names of the events are declared in shared/events.py.
"""

import contextvars
import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shared import trace

_bound: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("bound", default=None)

_SECRETS = re.compile(
    r"(?:access|public|link)-(?:sandbox|production|development)-[0-9A-Za-z-]{8,}"
    r"|\beyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]+\.[0-9A-Za-z_-]*"
    r"|(?i:(?<=bearer )\S+)"
)


def redact(text: str) -> str:
    """The text without anything that looks like a Plaid token or a signed token."""
    return _SECRETS.sub("[redacted]", text)


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, redacted."""
        entry: dict[str, Any] = {"severity": record.levelname, "message": record.getMessage(), "logger": record.name}
        entry["time"] = datetime.fromtimestamp(record.created, UTC).isoformat()
        if (within := trace.current()) is not None:
            entry |= within.fields()
        entry |= _bound.get() or {}
        entry |= getattr(record, "fields", {})
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return redact(json.dumps(entry, default=str))


class Log:
    """The backend's own log."""

    def __init__(self) -> None:
        self._logger = logging.getLogger("bank")

    def debug(self, event: str, **fields: Any) -> None:
        """Something that helps to understand what happened."""
        self._logger.debug(event, extra={"fields": fields})

    def info(self, event: str, **fields: Any) -> None:
        """Something happened that is worth knowing."""
        self._logger.info(event, extra={"fields": fields})

    def warning(self, event: str, **fields: Any) -> None:
        """Something went wrong that the backend copes with."""
        self._logger.warning(event, extra={"fields": fields})

    def error(self, event: str, **fields: Any) -> None:
        """Something that a person should look at."""
        self._logger.error(event, extra={"fields": fields})

    def exception(self, event: str, **fields: Any) -> None:
        """A bug: with the stack, which stays in the log."""
        self._logger.error(event, exc_info=sys.exc_info(), extra={"fields": fields})

    @contextmanager
    def bound(self, **fields: Any) -> Iterator[None]:
        """Fields that every line within carries."""
        token = _bound.set((_bound.get() or {}) | fields)
        try:
            yield
        finally:
            _bound.reset(token)


log = Log()


def configure() -> bool:
    """Sends all loggers through the JSON formatter. Called by the triggers' guard; True the first time in a process.

    plaid-python's and urllib3's loggers print bodies and headers at DEBUG: they stay at INFO.
    """
    root = logging.getLogger()
    if any(isinstance(handler.formatter, JsonFormatter) for handler in root.handlers):
        return False
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    root.handlers[:] = [handler]
    root.setLevel(os.environ.get("BANK_LOG_LEVEL", "INFO").upper())
    for name in ("plaid", "urllib3", "google", "werkzeug"):
        logging.getLogger(name).setLevel(max(root.level, logging.INFO))
    return True


def age() -> float | None:
    """How long the server has been there, where the system tells: the parent, which loads the function and forks."""
    try:
        ticks = int(Path(f"/proc/{os.getppid()}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19])
        up = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return round(up - ticks / os.sysconf("SC_CLK_TCK"), 2)
