"""Who calls, with which app, and who is there still: Firebase's word on ID tokens, App Check tokens, and users.

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
CLOCK_SKEW_SECONDS = 5  # how far ahead of ours the clock that issued a token may be
AUTH_EMULATOR = "FIREBASE_AUTH_EMULATOR_HOST"
TIMEOUT_SECONDS = 10
# What the SDK raises for tokens that it did not foresee: claims of another type, headers without a field.
MALFORMED = (ValueError, TypeError, AttributeError, KeyError)


class FirebaseCallers:
    """The ports `Callers` and `Owners`."""

    def __init__(self, *, project: str) -> None:
        self._project = project
        self._app: firebase_admin.App | None = None
        self._app_check: AppCheck | None = None
        self._lock = threading.Lock()

    def verify(self, id_token: str) -> Caller:
        """The user; asks Firebase at each call whether the token was revoked or the user disabled.

        Raises:
            Unauthenticated: The token is not good, with a code that says why.
            Unavailable: Firebase did not answer.
        """
        try:
            claims = auth.verify_id_token(
                id_token, app=self._firebase(), check_revoked=True, clock_skew_seconds=CLOCK_SKEW_SECONDS
            )
        except auth.RevokedIdTokenError:
            raise _refused("this session was ended: sign in again", code="id_token_revoked") from None
        except auth.UserDisabledError:
            raise _refused("this user is disabled", code="user_disabled") from None
        except auth.ExpiredIdTokenError:
            raise _refused("the ID token has expired: refresh it", code="id_token_expired") from None
        except (auth.InvalidIdTokenError, auth.UserNotFoundError):
            raise _refused("the ID token is not valid", code="id_token_invalid") from None
        except (auth.CertificateFetchError, exceptions.FirebaseError, GoogleAuthError):
            raise Unavailable("sign-in cannot be checked right now", code="auth_unavailable") from None
        except MALFORMED:
            raise _refused("the ID token is not valid", code="id_token_invalid") from None
        # The SDK's tolerance is for both ends; apps renew tokens long before theirs. The emulator takes expired ones.
        if not os.environ.get(AUTH_EMULATOR) and claims["exp"] <= time.time():
            raise _refused("the ID token has expired: refresh it", code="id_token_expired")
        uid: str = claims["uid"]
        if not is_document_id(uid):
            raise _refused("this user's id cannot name a document", code="uid_unusable")
        return Caller.of(uid, claims)

    def verify_app(self, app_token: str) -> str:
        """The app's id. Asks nobody but for Google's keys, every few hours.

        Raises:
            Unauthenticated: The App Check token is not good.
            Unavailable: The keys could not be fetched.
        """
        try:
            return self._checks().app_id(app_token)
        except (jwt.PyJWKClientConnectionError, GoogleAuthError):
            raise Unavailable("the app cannot be checked right now", code="app_check_unavailable") from None
        except (jwt.PyJWTError, *MALFORMED):
            raise _refused("the App Check token is not valid", code="app_check_invalid") from None

    def gone(self, app_user_ids: Sequence[str]) -> set[str]:
        """One call for each hundred users.

        Raises:
            Unavailable: Firebase did not answer.
        """
        usable = [uid for uid in app_user_ids if 0 < len(uid) <= LONGEST_UID]
        gone: set[str] = set()
        for start in range(0, len(usable), USERS_AT_ONCE):
            asked = [auth.UidIdentifier(uid) for uid in usable[start : start + USERS_AT_ONCE]]
            try:
                answer = auth.get_users(asked, app=self._firebase())
            except (exceptions.FirebaseError, ValueError, GoogleAuthError):
                raise Unavailable("users cannot be looked up right now", code="auth_unavailable") from None
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
