"""Who calls: what Firebase says of a user in the ID token of a call."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Caller:
    """The user of a call.

    Attributes:
        uid: Firebase's id of the user.
        is_anonymous: Whether the user has signed in without any credential.
        email_verified: Whether the user controls their e-mail address; None for a user who has none.
    """

    uid: str
    is_anonymous: bool = False
    email_verified: bool | None = None

    @classmethod
    def of(cls, uid: str, claims: Mapping[str, Any]) -> Self:
        """The caller that the claims of a verified ID token describe.

        Claims: https://firebase.google.com/docs/reference/rules/rules.firestore.Request. Those of custom tokens are the
        app's own, so a claim of another type counts as not given.
        """
        firebase = claims.get("firebase")
        provider = firebase.get("sign_in_provider") if isinstance(firebase, Mapping) else None
        verified = claims.get("email_verified") is True if claims.get("email") else None
        return cls(uid, is_anonymous=provider == "anonymous", email_verified=verified)
