"""Checks that Firestore's events reach the functions: it writes a document and waits for the function's log line.

The document is a notification of a user who does not exist, and is not a valid notification: the function logs that and
sends nothing. The probe writes it again and again, because a new trigger loses the events of its first minutes
(https://cloud.google.com/eventarc/docs/troubleshooting), and deletes it.
"""

from collections.abc import Callable
from typing import Any

import httpx

from deploy.context import Context
from deploy.project import DATABASE
from deploy.tools import DeployError, said

EVENT = "push.not_a_notification"
ACTIVE_SECONDS = 600.0  # until a new trigger receives events
BUSY = (httpx.codes.REQUEST_TIMEOUT, httpx.codes.CONFLICT, httpx.codes.TOO_MANY_REQUESTS)  # worth another try
NO_EVENT = "no event of Firestore arrives: see the log of on_notification_created, and its trigger in Eventarc"
LOOKS = 3  # at the log, after each write
PATH = "users/bank-smoke-test/bank_notifications"
DOCUMENT = "event"


def event_arrives(context: Context, *, logged: Callable[[str], bool], pause: float) -> str | None:
    """Writes a document until its event is logged; returns the problem, if there is one.

    Args:
        context: The project.
        logged: Whether an event with this name was logged since the smoke test began.
        pause: Seconds between two looks at the log.
    """
    context.say(f"  try: write {PATH}/{DOCUMENT}  (its event must reach on_notification_created)")
    if context.tools.dry:
        return None
    deadline = context.now() + ACTIVE_SECONDS
    problem: str | None = NO_EVENT
    try:
        while problem is not None and context.now() < deadline:
            try:
                problem = _try(context, logged, pause)
            except (httpx.HTTPError, DeployError) as error:
                problem = f"no event of Firestore could be tested: {said(error)}"
                context.say(f"  … {problem}: retrying in {pause:.0f} s")
                context.tools.sleep(pause)
    except _Refused as refused:
        return str(refused)
    finally:
        _clean_up(context)
    return problem


class _Refused(Exception):
    """Firestore refuses the document, and would refuse it again."""


def _try(context: Context, logged: Callable[[str], bool], pause: float) -> str | None:
    _send(context, "DELETE", f"{_url(context)}/{DOCUMENT}")
    _send(context, "POST", _url(context), params={"documentId": DOCUMENT}, json={})
    for _ in range(LOOKS):
        if logged(EVENT):
            return None
        context.tools.sleep(pause)
    return NO_EVENT


def _send(context: Context, method: str, url: str, **more: Any) -> None:
    """Sends a request with the operator's access token, which is never printed.

    Raises:
        _Refused: Firestore refuses it.
        DeployError: Firestore is not available, or gcloud gave no token.
        httpx.HTTPError: There was no answer.
    """
    credentials = {"Authorization": f"Bearer {context.tools.token()}"}
    answer = context.request(method, url, headers=credentials, timeout=60, **more)
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise _Refused("your account may not write documents: it needs roles/datastore.user for the smoke test")
    if answer.is_server_error or answer.status_code in BUSY:
        raise DeployError(f"Firestore answered {answer.status_code}")
    if not answer.is_success:
        raise _Refused(f"Firestore refused a document: {answer.status_code}")


def _clean_up(context: Context) -> None:
    try:
        _send(context, "DELETE", f"{_url(context)}/{DOCUMENT}")
    except (httpx.HTTPError, DeployError, _Refused):
        context.say(f"  note: {PATH}/{DOCUMENT} stays in Firestore; the next deployment deletes it")


def _url(context: Context) -> str:
    place = f"projects/{context.project.id}/databases/{DATABASE}/documents"
    return f"https://firestore.googleapis.com/v1/{place}/{PATH}"
