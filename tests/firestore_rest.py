"""Firestore's REST API for tests: all reads and writes, as any caller, answered with the raw response."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import httpx
import jwt

from emulators.client import User
from emulators.ports import PROJECT

ROOT = f"projects/{PROJECT}/databases/(default)/documents"
BACKEND = {"Authorization": "Bearer owner"}  # the emulator's token for bypassing the rules

Json = dict[str, Any]


def unsigned_user(uid: str) -> User:
    """A user as the rules see one. The Firestore emulator accepts unsigned tokens, as tests of rules use them."""
    email = f"{uid}@example.com"
    claims = {"sub": uid, "user_id": uid, "aud": PROJECT, "email": email, "firebase": {"sign_in_provider": "password"}}
    return User(uid=uid, token=jwt.encode(claims, key="", algorithm="none"), email=email)


def encoded(value: object) -> Json:
    """A Python value in the REST API's format."""
    match value:
        case None:
            return {"nullValue": None}
        case bool():
            return {"booleanValue": value}
        case int():
            return {"integerValue": str(value)}
        case float():
            return {"doubleValue": value}
        case str():
            return {"stringValue": value}
        case datetime():
            return {"timestampValue": value.isoformat().replace("+00:00", "Z")}
        case dict():
            return {"mapValue": {"fields": {name: encoded(inner) for name, inner in value.items()}}}
        case list():
            return {"arrayValue": {"values": [encoded(inner) for inner in value]}}
        case _:
            raise TypeError(type(value))


class Client:
    """Firestore, as a user (with their ID token), unauthenticated (without a token), or as the backend."""

    def __init__(self, http: httpx.Client, base: str, headers: dict[str, str]) -> None:
        self._http, self._base, self._headers = http, f"{base}/v1/{ROOT}", headers

    def get(self, path: str) -> httpx.Response:
        return self._http.get(f"{self._base}/{path}", headers=self._headers)

    def query(
        self,
        collection: str,
        *,
        parent: str = "",
        everywhere: bool = False,
        owner: str | None = None,
        newest: str | None = None,
        most: int | None = None,
        after: str | None = None,
        limit: int | None = None,
        named: str | None = None,
        count: bool = False,
    ) -> httpx.Response:
        """Run a query."""
        query: Json = {"from": [{"collectionId": collection, "allDescendants": everywhere}]}
        if owner is not None:
            field = {"fieldPath": "app_user_id"}
            query["where"] = {"fieldFilter": {"field": field, "op": "EQUAL", "value": encoded(owner)}}
        if named is not None:
            name = {"field": {"fieldPath": "__name__"}, "op": "EQUAL"}
            query["where"] = {"fieldFilter": name | {"value": {"referenceValue": f"{ROOT}/{named}"}}}
        if newest:
            query["orderBy"] = [{"field": {"fieldPath": newest}, "direction": "DESCENDING"}]
        if most:
            query |= {"limit": most, "orderBy": [{"field": {"fieldPath": "__name__"}}]}
        if after:
            query["startAt"] = {"values": [{"referenceValue": after}], "before": False}
        if limit is not None:
            query["limit"] = limit
        place = f"{self._base}/{parent}" if parent else self._base
        if count:
            counted = {"structuredQuery": query, "aggregations": [{"alias": "n", "count": {}}]}
            return self._http.post(
                f"{place}:runAggregationQuery", headers=self._headers, json={"structuredAggregationQuery": counted}
            )
        return self._http.post(f"{place}:runQuery", headers=self._headers, json={"structuredQuery": query})

    def create(self, path: str, document: Json) -> httpx.Response:
        return self._commit({"update": self._document(path, document), "currentDocument": {"exists": False}})

    def update(self, path: str, changes: Json, *, clears: tuple[str, ...] = ()) -> httpx.Response:
        """Update as an SDK does: the given fields, the cleared fields, and nothing else."""
        return self._commit(self._update(path, changes, clears))

    def update_all(self, changes: dict[str, Json]) -> httpx.Response:
        """Update several documents in one commit."""
        return self._commit(*(self._update(path, fields, ()) for path, fields in changes.items()))

    def delete(self, path: str) -> httpx.Response:
        return self._commit({"delete": f"{ROOT}/{path}"})

    def seed(self, documents: dict[str, Json], *, gone: tuple[str, ...] = ()) -> None:
        """Write these documents and delete those in `gone`, in one commit."""
        writes: list[Json] = [{"update": self._document(path, document)} for path, document in documents.items()]
        self._commit(*writes, *({"delete": f"{ROOT}/{path}"} for path in gone)).raise_for_status()

    def _commit(self, *writes: Json) -> httpx.Response:
        url = f"{self._base}:commit"
        for _ in range(50):
            answer = self._http.post(url, headers=self._headers, json={"writes": list(writes)})
            if answer.status_code != 409 or answer.json()["error"]["status"] != "ABORTED":
                break
            time.sleep(0.1)  # another commit holds the document; the SDKs retry, too
        return answer

    def _update(self, path: str, changes: Json, clears: tuple[str, ...]) -> Json:
        mask = {"fieldPaths": [*changes, *clears]}
        return {"update": self._document(path, changes), "updateMask": mask, "currentDocument": {"exists": True}}

    def _document(self, path: str, document: Json) -> Json:
        return {"name": f"{ROOT}/{path}", "fields": {name: encoded(value) for name, value in document.items()}}
