"""Checks that Firestore's events reach the functions: it writes a document and waits for the function's log line.

The document is a notification of a user who does not exist, and is not a valid notification: the function logs that and
sends nothing. The probe writes it again and again, because a new trigger loses the events of its first minutes
(https://cloud.google.com/eventarc/docs/troubleshooting), and deletes it.
"""

from collections.abc import Callable

import httpx

from deploy.context import Context
from deploy.project import DATABASE

EVENT = "push.not_a_notification"
ACTIVE_SECONDS = 600.0  # until a new trigger receives events
LOOKS = 3  # at the log, after each write
PATH = "users/bank-smoke-test/bank_notifications"
DOCUMENT = "event"


def event_arrives(context: Context, *, logged: Callable[[str], bool], pause: float) -> str | None:
    """Writes a document until its event is logged; returns the problem, if there is one.

    Args:
        context: The project.
        logged: Whether an event with this name was logged since the smoke test began.
        pause: Seconds between two looks at the log.

    Raises:
        DeployError: A command failed.
    """
    context.say(f"  try: write {PATH}/{DOCUMENT}  (its event must reach on_notification_created)")
    if context.tools.dry:
        return None
    deadline = context.now() + ACTIVE_SECONDS
    try:
        while context.now() < deadline:
            _delete(context)
            if (problem := _create(context)) is not None:
                return problem
            for _ in range(LOOKS):
                if logged(EVENT):
                    return None
                context.tools.sleep(pause)
    except httpx.HTTPError as error:
        return f"Firestore did not answer ({type(error).__name__})"
    finally:
        _clean_up(context)
    return "no event of Firestore arrives: see the log of on_notification_created, and its trigger in Eventarc"


def _create(context: Context) -> str | None:
    answer = context.request(
        "POST", _url(context), params={"documentId": DOCUMENT}, json={}, headers=_credentials(context), timeout=60
    )
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return "your account may not write documents: it needs roles/datastore.user for the smoke test"
    return None if answer.is_success else f"Firestore refused a document: {answer.status_code}"


def _delete(context: Context) -> None:
    context.request("DELETE", f"{_url(context)}/{DOCUMENT}", headers=_credentials(context), timeout=60)


def _clean_up(context: Context) -> None:
    try:
        _delete(context)
    except httpx.HTTPError:
        context.say(f"  note: {PATH}/{DOCUMENT} stays in Firestore; the next deployment deletes it")


def _url(context: Context) -> str:
    place = f"projects/{context.project.id}/databases/{DATABASE}/documents"
    return f"https://firestore.googleapis.com/v1/{place}/{PATH}"


def _credentials(context: Context) -> dict[str, str]:
    """The operator's access token, which is never printed."""
    return {"Authorization": f"Bearer {context.tools.token()}"}
