"""A user's document was deleted: their bank data goes, unless the document exists (again)."""

from collections.abc import Callable
from datetime import datetime

from shared.log import log
from shared.ports import Profiles


def owner_deleted(
    app_user_id: str, *, at: datetime, profiles: Profiles, erase: Callable[[str, datetime], None]
) -> None:
    """Erases a deleted user's data, once the store itself says that the user's document is gone.

    An event says only that the document was deleted once: it may be late, forged by a caller with the right to deliver
    events, or about a document that an app replaced. Erasing cannot be undone, so the document is read first.

    Args:
        app_user_id: Whose document the event names.
        at: When it was deleted.
        profiles: Users' documents.
        erase: Erases what a user had at a moment.

    Raises:
        Unavailable: The store did not answer: nothing has begun. The daily check finds users that Auth has lost.
    """
    if profiles.exists(app_user_id):
        log.warning("owner.exists", app_user_id=app_user_id)
        return
    erase(app_user_id, at)
