"""Verifies ID tokens and App Check tokens, and finds deleted users, with Firebase.

https://firebase.google.com/docs/auth/admin/verify-id-tokens, /manage-sessions (revocation) and /manage-users;
https://firebase.google.com/docs/app-check/custom-resource-backend
"""

import os
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import firebase_admin
import jwt
from firebase_admin import auth, exceptions
from google.auth.exceptions import GoogleAuthError

from shared.domain.caller import Caller
from shared.domain.errors import Unauthenticated, Unavailable
from shared.domain.storable import is_document_id

if TYPE_CHECKING:
    from shared.adapters.google.app_check import AppCheck

USERS_AT_ONCE = 100  # https://firebase.google.com/docs/auth/admin/manage-users#bulk_retrieve_user_data
LONGEST_UID = 128
CLOCK_SKEW_SECONDS = 5  # how far the issuer's clock may be ahead of this machine's
AUTH_EMULATOR = "FIREBASE_AUTH_EMULATOR_HOST"
TIMEOUT_SECONDS = 10
# Errors that the SDK raises for malformed tokens: claims of a wrong type, headers without a field.
MALFORMED = (ValueError, TypeError, AttributeError, KeyError)


class FirebaseCallers:
    """The ports `Callers` and `Owners`."""

    def __init__(self, *, project: str) -> None:
        self._project = project
        self._app: firebase_admin.App | None = None
        self._app_check: AppCheck | None = None
        self._lock = threading.Lock()

    def verify(self, id_token: str) -> Caller:
        """Verifies an ID token; asks Firebase on every call whether the token was revoked or the user disabled.

        Raises:
            Unauthenticated: The token is invalid; the code says why.
            Unavailable: Firebase did not respond.
        """
        try:
            claims = auth.verify_id_token(
                id_token, app=self._firebase(), check_revoked=True, clock_skew_seconds=CLOCK_SKEW_SECONDS
            )
        except auth.RevokedIdTokenError:
            raise _refused("this session was revoked; sign in again", code="id_token_revoked") from None
        except auth.UserDisabledError:
            raise _refused("this user is disabled", code="user_disabled") from None
        except auth.ExpiredIdTokenError:
            raise _refused("the ID token has expired; refresh it", code="id_token_expired") from None
        except (auth.InvalidIdTokenError, auth.UserNotFoundError):
            raise _refused("the ID token is invalid; sign in again", code="id_token_invalid") from None
        except (auth.CertificateFetchError, exceptions.FirebaseError, GoogleAuthError):
            raise Unavailable(
                "the ID token cannot be verified right now; retry later", code="auth_unavailable"
            ) from None
        except MALFORMED:
            raise _refused("the ID token is invalid; sign in again", code="id_token_invalid") from None
        # The SDK applies its tolerance to expiry, too; apps refresh much earlier. The emulator accepts expired tokens.
        if not os.environ.get(AUTH_EMULATOR) and claims["exp"] <= time.time():
            raise _refused("the ID token has expired; refresh it", code="id_token_expired")
        uid: str = claims["uid"]
        if not is_document_id(uid):
            raise _refused("this user's id is not a valid document id", code="uid_unusable")
        return Caller.of(uid, claims)

    def verify_app(self, app_token: str) -> str:
        """The id of the app. Calls Google only to fetch its keys, every few hours.

        Raises:
            Unauthenticated: The App Check token is invalid.
            Unavailable: The keys could not be fetched.
        """
        try:
            return self._checks().app_id(app_token)
        except (jwt.PyJWKClientConnectionError, GoogleAuthError):
            raise Unavailable(
                "the App Check token cannot be verified right now; retry later", code="app_check_unavailable"
            ) from None
        except (jwt.PyJWTError, *MALFORMED):
            raise _refused("the App Check token is invalid; get a new one", code="app_check_invalid") from None

    def gone(self, app_user_ids: Sequence[str]) -> set[str]:
        """Finds deleted users, in one call per hundred users.

        Raises:
            Unavailable: Firebase did not respond.
        """
        usable = [uid for uid in app_user_ids if 0 < len(uid) <= LONGEST_UID]
        gone: set[str] = set()
        for start in range(0, len(usable), USERS_AT_ONCE):
            asked = [auth.UidIdentifier(uid) for uid in usable[start : start + USERS_AT_ONCE]]
            try:
                answer = auth.get_users(asked, app=self._firebase())
            except (exceptions.FirebaseError, ValueError, GoogleAuthError):
                raise Unavailable("users cannot be looked up right now; retry later", code="auth_unavailable") from None
            gone |= {identifier.uid for identifier in answer.not_found}
        return gone

    def _checks(self) -> "AppCheck":
        from shared.adapters.google.app_check import AppCheck

        app = self._firebase()
        with self._lock:
            if self._app_check is None:
                self._app_check = AppCheck(app)
            return self._app_check

    def _firebase(self) -> firebase_admin.App:
        with self._lock:
            if self._app is None:
                options = {"projectId": self._project, "httpTimeout": TIMEOUT_SECONDS}
                self._app = firebase_admin.initialize_app(options=options, name="bank")
            return self._app


def _refused(message: str, *, code: str) -> Unauthenticated:
    return Unauthenticated(message, code=code)
