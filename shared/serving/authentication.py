"""Authentication: of users who call, and of Cloud Tasks, which delivers tasks."""

import base64
import json
from typing import Any

from firebase_functions import https_fn
from flask import Request

from shared import request_context
from shared.domain.errors import Unauthenticated
from shared.log import log
from shared.service_accounts import tasks_caller
from shared.serving import container
from shared.serving.rate_limits import check_refused_calls
from shared.settings import Settings
from shared.trace import Headers

APP_CHECK = "X-Firebase-AppCheck"  # the Firebase SDKs put App Check's token there
# If both are sent, Cloud Run verifies the first and passes the other on unchanged:
# https://cloud.google.com/run/docs/authenticating/service-to-service#acquire-token
TASK_TOKEN_HEADERS = ("X-Serverless-Authorization", "Authorization")


def authenticate(request: Request) -> str:
    """Verifies the user who calls with Firebase Auth, and sets the request context.

    Raises:
        Unauthenticated: No valid ID token, or (where App Check is enforced) no valid App Check token.
        ResourceExhausted: Too many of the user's calls were refused.
        Unavailable: Firebase did not respond.
    """
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    id_token = sent.strip()
    if scheme.lower() != "bearer" or not id_token:
        raise Unauthenticated("no ID token: sign in and send it as a bearer token", code="id_token_missing")
    app_token = request.headers.get(APP_CHECK, "")
    enforced = container.settings().app_check
    if enforced and not app_token:
        raise Unauthenticated(f"no App Check token: send it in {APP_CHECK}", code="app_check_missing")
    check_refused_calls(id_token)
    user = container.callers().verify(id_token)
    check_refused_calls(id_token, user.uid)
    request_context.user.set(user)
    # After the user: only signed-in users can make the backend fetch App Check's keys.
    request_context.app.set(container.callers().verify_app(app_token) if enforced else None)
    return user.uid


def require_tasks_account(headers: Headers, *, settings: Settings) -> None:
    """Accepts a task only with an OIDC token of the tasks account. The emulators do not sign, so there any is accepted.

    Cloud Run's IAM check verifies the token's signature, which it may then replace with SIGNATURE_REMOVED_BY_GOOGLE
    (https://cloud.google.com/run/docs/troubleshooting#signature-removed): so only the claims are compared here. This
    protects projects whose IAM policy admits too many accounts.

    Raises:
        HttpsError: PERMISSION_DENIED (403): the token names another account, or none.
    """
    if settings.is_local:
        return
    if _token_email(headers) != (settings.tasks_caller or tasks_caller(settings.project)):
        log.warning("task.refused")
        raise https_fn.HttpsError(https_fn.FunctionsErrorCode.PERMISSION_DENIED, "only the task queue may call this")


def _token_email(headers: Headers) -> str | None:
    sent = next((text for name in TASK_TOKEN_HEADERS if (text := headers.get(name, ""))), "")
    scheme, _, token = sent.partition(" ")
    parts = token.strip().split(".")
    if scheme.lower() != "bearer" or len(parts) != 3:
        return None
    try:
        claims: Any = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    email = claims.get("email") if isinstance(claims, dict) else None
    return email if isinstance(email, str) else None
