"""The users' documents in Firestore."""

from __future__ import annotations

import uuid
from typing import Any

from shared.adapters.firestore.profiles import FirestoreProfiles


def test_document_exists_until_it_is_deleted_even_if_empty(firestore_client: Any) -> None:
    profiles, uid = FirestoreProfiles(firestore_client), uuid.uuid4().hex
    assert not profiles.exists(uid)
    for fields in ({}, {"language": "en"}, {"the_app_s": 1}):
        firestore_client.document("users", uid).set(fields)
        assert profiles.exists(uid)
    firestore_client.document("users", uid).delete()
    assert not profiles.exists(uid)
