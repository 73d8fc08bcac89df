"""When a user is reminded: before a consent ends, and while a login stays broken."""

from datetime import datetime, timedelta

CONSENT_WARNINGS = (timedelta(days=1), timedelta(days=7), timedelta(days=14))
"""How long before a consent ends its user is notified, the latest first; from the first of them on it is pending."""
BROKEN_LOGIN_DAYS = (30, 7)
"""For how many days a login has been broken when its user is reminded, the last reminder first."""
HALF_A_DAY = timedelta(hours=12)


def warning_due(expires: datetime | None, *, now: datetime) -> timedelta | None:
    """The warning that is due for a consent's end: the latest whose time has come, or None."""
    if expires is None:
        return None
    return next((ahead for ahead in CONSENT_WARNINGS if expires - now <= ahead), None)


def days_broken(since: datetime, *, now: datetime) -> int:
    """For how many days a login has been broken; rounded, since daily checks are never exactly a day apart."""
    return (now - since + HALF_A_DAY).days


def reminder_due(days: int) -> int | None:
    """The reminder that is due after so many days; a check makes up for a missed one before it. None if none is due."""
    return next((after for after in BROKEN_LOGIN_DAYS if days >= after), None)
