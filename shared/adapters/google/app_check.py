"""Verifies App Check tokens with the same clock tolerance as ID tokens, a setting that the Admin SDK lacks for them.

The checks follow Google: https://firebase.google.com/docs/app-check/custom-resource-backend#other
"""

import time
from typing import Any

import firebase_admin
import jwt
from firebase_admin import app_check

CLOCK_SKEW_SECONDS = 5


class AppCheck:
    """Verifies App Check tokens of one project; fetches Google's keys every few hours."""

    def __init__(self, app: firebase_admin.App) -> None:
        self._service = _Tolerant(app)

    def app_id(self, token: str) -> str:
        """The id of the app that a token attests.

        Raises:
            ValueError, jwt.PyJWTError: The token is invalid.
            jwt.PyJWKClientConnectionError: The keys could not be fetched.
        """
        return str(self._service.verify_token(token)["app_id"])


class _Tolerant(app_check._AppCheckService):  # type: ignore[misc]  # noqa: SLF001 (has no public name, and no setting)
    """The SDK's service; it accepts tokens issued up to CLOCK_SKEW_SECONDS in the future, but no expired ones."""

    def _decode_and_verify(self, token: str, signing_key: Any) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(
            token,
            signing_key,
            algorithms=["RS256"],
            audience=self._scoped_project_id,
            leeway=CLOCK_SKEW_SECONDS,
            options={"require": ["exp", "iat", "sub"]},
        )
        if claims["exp"] <= time.time():
            raise jwt.ExpiredSignatureError
        if not isinstance(claims["aud"], list) or not str(claims.get("iss")).startswith(self._APP_CHECK_ISSUER):
            raise jwt.InvalidIssuerError
        return claims
