"""The user and the app of the current call. Set for every call of an HTTP function for signed-in users."""

import contextvars

from shared.domain.caller import Caller

app: contextvars.ContextVar[str | None] = contextvars.ContextVar("app", default=None)
"""The app's id, if Firebase App Check vouched for one: for the audit log."""

user: contextvars.ContextVar[Caller | None] = contextvars.ContextVar("user", default=None)
"""The user who calls; None in tasks, schedules and triggers."""
