"""The app's document `users/{uid}`, of which the backend reads two fields."""

from typing import TYPE_CHECKING

from shared.adapters.firestore.errors import translates_outages
from shared.ports import Profile

if TYPE_CHECKING:
    from google.cloud import firestore


@translates_outages
class FirestoreProfiles:
    """The port `Profiles`."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def find(self, app_user_id: str) -> Profile:
        """Reads the language and countries of a user, in one read."""
        fields = self._client.document("users", app_user_id).get(["language", "country_codes"]).to_dict() or {}
        return Profile(language=fields.get("language"), country_codes=fields.get("country_codes"))

    def exists(self, app_user_id: str) -> bool:
        """Whether the user's document exists, in one read."""
        return bool(self._client.document("users", app_user_id).get(["language"]).exists)
