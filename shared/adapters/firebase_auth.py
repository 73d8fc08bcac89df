"""Who calls, and who is there still: Firebase's word on an ID token, and on users.

https://firebase.google.com/docs/auth/admin/verify-id-tokens, /manage-sessions (revocation) and /manage-users
"""

import threading
from collections.abc import Sequence

import firebase_admin
from firebase_admin import auth, exceptions
from google.auth.exceptions import GoogleAuthError

from shared.domain.errors import Unauthenticated, Unavailable

USERS_AT_ONCE = 100  # https://firebase.google.com/docs/auth/admin/manage-users#bulk_retrieve_user_data
LONGEST_UID = 128


class FirebaseCallers:
    """The ports `Callers` and `Owners`."""

    def __init__(self, *, project: str) -> None:
        self._project = project
        self._app: firebase_admin.App | None = None
        self._lock = threading.Lock()

    def verify(self, id_token: str) -> str:
        """The uid; asks Firebase at each call whether the token was revoked or the user disabled.

        Raises:
            Unauthenticated: The token is not good, with a code that says why.
            Unavailable: Firebase did not answer.
        """
        try:
            uid: str = auth.verify_id_token(id_token, app=self._firebase(), check_revoked=True)["uid"]
        except auth.RevokedIdTokenError:
            raise _refused("this session was ended: sign in again", code="id_token_revoked") from None
        except auth.UserDisabledError:
            raise _refused("this user is disabled", code="user_disabled") from None
        except auth.ExpiredIdTokenError:
            raise _refused("the ID token has expired: refresh it", code="id_token_expired") from None
        except (auth.InvalidIdTokenError, auth.UserNotFoundError, ValueError):
            raise _refused("the ID token is not valid", code="id_token_invalid") from None
        except (auth.CertificateFetchError, exceptions.FirebaseError):
            raise Unavailable("sign-in cannot be checked right now", code="auth_unavailable") from None
        if "/" in uid:
            raise _refused("this user's id cannot name a document", code="uid_unusable")
        return uid

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

    def _firebase(self) -> firebase_admin.App:
        with self._lock:
            if self._app is None:
                self._app = firebase_admin.initialize_app(options={"projectId": self._project}, name="bank")
            return self._app


def _refused(message: str, *, code: str) -> Unauthenticated:
    return Unauthenticated(message, code=code)
