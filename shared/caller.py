"""Through which app the current call comes, for the audit log. Set for every call of an HTTP function."""

import contextvars

app: contextvars.ContextVar[str | None] = contextvars.ContextVar("app", default=None)
"""The app's id, if Firebase App Check vouched for one."""
