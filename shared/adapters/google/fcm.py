"""Push messages through Firebase Cloud Messaging, with firebase-admin.

Errors: https://firebase.google.com/docs/cloud-messaging/error-codes. An error's text may quote the message or the
token, so it is discarded. Device tokens and message texts are never logged.
"""

import threading
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import firebase_admin
import requests
import urllib3
from firebase_admin import exceptions, messaging
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError

from shared.domain.push import PushMessage, PushOutcome, Receipt
from shared.log import log
from shared.ports import Messaging
from shared.settings import Settings

FCM = "https://fcm.googleapis.com"
TIMEOUT_SECONDS = 10.0
_AGAIN = frozenset([exceptions.UNAVAILABLE, exceptions.INTERNAL, exceptions.RESOURCE_EXHAUSTED])
_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


class FirebaseMessaging:
    """The port `Messaging`.

    Args:
        project: The Firebase project.
        credential: Replaces the default credentials of the process.
        address: Replaces FCM's address.
    """

    def __init__(self, *, project: str, credential: Credentials | None = None, address: str = FCM) -> None:
        self._project = project
        self._credential = credential
        self._address = address
        self._app: firebase_admin.App | None = None
        self._lock = threading.Lock()

    def send(self, message: PushMessage, *, tokens: Sequence[str]) -> list[Receipt]:
        """Sends one call per token, in parallel and without retries; the caller decides about retries."""
        try:
            answers = messaging.send_each([_message(message, token) for token in tokens], app=self._firebase())
        except (exceptions.FirebaseError, GoogleAuthError, ValueError, OSError) as error:
            # No credentials, or a library error. Some devices may have got it; a retry is safe: they show it once.
            log.warning("messaging.no_answer", kind=type(error).__name__)
            return [Receipt(PushOutcome.LATER, "NO_ANSWER")] * len(tokens)
        return [_receipt(answer.exception) for answer in answers.responses]

    def _firebase(self) -> firebase_admin.App:
        """A separate Firebase app, because timeouts are set per app."""
        with self._lock:
            if self._app is None:
                options = {"projectId": self._project, "httpTimeout": TIMEOUT_SECONDS}
                app = firebase_admin.initialize_app(self._credential, options, name=f"messaging-{uuid.uuid4().hex}")
                try:
                    # Within the call, the library waits as long as Retry-After says, and has no setting to change that.
                    service = messaging._get_messaging_service(app)  # noqa: SLF001
                    service._client.session.mount(FCM, _Once(self._address))  # noqa: SLF001
                except Exception:
                    firebase_admin.delete_app(app)
                    raise
                self._app = app
            return self._app


class LocalMessaging:
    """Replaces FCM locally, because Firebase has no emulator for messaging: it only logs each message.

    Raises:
        ValueError: The project is a real one.
    """

    def __init__(self, settings: Settings) -> None:
        if not settings.is_local:
            raise ValueError("LocalMessaging is for demo projects only; use FirebaseMessaging")

    def send(self, message: PushMessage, *, tokens: Sequence[str]) -> list[Receipt]:
        """Logs one line of ids."""
        log.info("messaging.not_sent_locally", **message.data, devices=len(tokens))
        return [Receipt(PushOutcome.SENT)] * len(tokens)


def messaging_for(settings: Settings) -> Messaging:
    """The messaging of this project."""
    return LocalMessaging(settings) if settings.is_local else FirebaseMessaging(project=settings.project)


class _Once(requests.adapters.HTTPAdapter):
    """Sends each call once (retries only failed connects), to a configurable address."""

    def __init__(self, address: str) -> None:
        super().__init__(max_retries=urllib3.Retry(total=1, read=0), pool_maxsize=20)
        self._address = address

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        if self._address != FCM:
            request.url = (request.url or "").replace(FCM, self._address, 1)
            kwargs["proxies"] = {}
        return super().send(request, *args, **kwargs)


def _message(message: PushMessage, token: str) -> messaging.Message:
    """The message for one device, which shows it once even if it is delivered twice."""
    tag = message.collapse_id
    made = messaging.Message(
        data=message.data,
        notification=messaging.Notification(title=message.title, body=message.body),
        android=messaging.AndroidConfig(notification=messaging.AndroidNotification(tag=tag)),
        apns=messaging.APNSConfig(headers={"apns-collapse-id": tag}),
        webpush=messaging.WebpushConfig(notification=messaging.WebpushNotification(tag=tag)),
    )
    # Its argument is deprecated in favour of installation ids, which apps do not have yet; FCM accepts both.
    made.token = token
    return made


def _receipt(error: exceptions.FirebaseError | None) -> Receipt:
    if error is None:
        return Receipt(PushOutcome.SENT)
    response = error.http_response
    if response is None:  # no response, or an unreadable one
        return Receipt(PushOutcome.LATER, "NO_ANSWER")
    if isinstance(error, messaging.UnregisteredError):
        return Receipt(PushOutcome.GONE, "UNREGISTERED")
    if error.code == exceptions.INVALID_ARGUMENT and _blames_token(response):
        return Receipt(PushOutcome.GONE, error.code)
    if error.code in _AGAIN or response.status_code >= 500:
        return Receipt(PushOutcome.LATER, error.code, _seconds(response.headers.get("Retry-After")))
    return Receipt(PushOutcome.REFUSED, error.code)


def _blames_token(response: requests.Response) -> bool:
    """Whether an INVALID_ARGUMENT is about the token, not about the message (which would be a bug of the backend).

    FCM names the field `message.token`, or it names no field and only has a text; the texts checked are documented.
    """
    try:
        error = response.json()["error"]
        details = [detail for detail in error.get("details") or () if isinstance(detail, Mapping)]
    except (ValueError, LookupError, TypeError, AttributeError):
        return False
    if not any(detail.get("@type") == _FCM_ERROR for detail in details):
        return False
    blamed = [detail for detail in details if detail.get("@type") == _BAD_REQUEST]
    if blamed:
        fields = [violation.get("field") for detail in blamed for violation in detail.get("fieldViolations") or ()]
        return fields == ["message.token"]
    return "registration token" in str(error.get("message")).lower()


def _seconds(header: str | None) -> int | None:
    text = (header or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
