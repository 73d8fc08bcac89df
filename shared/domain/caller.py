"""The caller of a request, from the claims of the Firebase ID token."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Caller:
    """The user who sent a request.

    Attributes:
        uid: The user's id in Firebase Auth.
        is_anonymous: Whether the user signed in anonymously.
        email_verified: Whether the e-mail address is verified; None if the user has none.
    """

    uid: str
    is_anonymous: bool = False
    email_verified: bool | None = None

    @classmethod
    def of(cls, uid: str, claims: Mapping[str, Any]) -> Self:
        """Creates the caller from the claims of a verified ID token.

        Claims: https://firebase.google.com/docs/reference/rules/rules.firestore.Request. The app
        chooses the claims of custom tokens, so a claim of another type is ignored.
        """
        firebase = claims.get("firebase")
        provider = firebase.get("sign_in_provider") if isinstance(firebase, Mapping) else None
        verified = claims.get("email_verified") is True if claims.get("email") else None
        return cls(uid, is_anonymous=provider == "anonymous", email_verified=verified)
