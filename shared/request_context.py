"""The user and the app of the current request; set in the HTTP functions for signed-in users."""

import contextvars

from shared.domain.caller import Caller

app: contextvars.ContextVar[str | None] = contextvars.ContextVar("app", default=None)
"""The app's id for the audit log, if Firebase App Check verified it."""

user: contextvars.ContextVar[Caller | None] = contextvars.ContextVar("user", default=None)
"""The calling user; None in tasks, scheduled functions and triggers."""
