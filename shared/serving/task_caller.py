"""Who delivers a task: only the account that Cloud Tasks calls as may.

Cloud Run's IAM check lets a caller in and verifies the signature of its token, which it may then replace with
SIGNATURE_REMOVED_BY_GOOGLE (https://cloud.google.com/run/docs/troubleshooting#signature-removed): so only the claims
are compared here. That holds where a project's IAM lets in more accounts than it should.
"""

import base64
import json
from typing import Any

from firebase_functions import https_fn

from shared.log import log
from shared.service_accounts import tasks_caller
from shared.settings import Settings
from shared.trace import Headers

# Where both are sent, Cloud Run verifies the first and passes the other on as it came:
# https://cloud.google.com/run/docs/authenticating/service-to-service#acquire-token
TOKEN_HEADERS = ("X-Serverless-Authorization", "Authorization")


def require_tasks_account(headers: Headers, *, settings: Settings) -> None:
    """Lets through only calls with an OIDC token of the tasks account; any on the emulators, whose queue does not sign.

    Raises:
        HttpsError: PERMISSION_DENIED (403): the token names another account, or none.
    """
    if settings.is_local:
        return
    if _email(headers) != (settings.tasks_caller or tasks_caller(settings.project)):
        log.warning("task.refused")
        raise https_fn.HttpsError(https_fn.FunctionsErrorCode.PERMISSION_DENIED, "only the task queue may call this")


def _email(headers: Headers) -> str | None:
    sent = next((text for name in TOKEN_HEADERS if (text := headers.get(name, ""))), "")
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
