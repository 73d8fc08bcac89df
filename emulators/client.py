"""The stack as an app sees it: Firebase Auth, the REST routes, and Firestore with the user's own token."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from emulators.ports import PROJECT, Ports, StackError

Document = dict[str, Any]
PAGE = 500  # the longest list of transactions that the security rules allow


class RefusedError(StackError):
    """A refusal by the backend, Firestore or Plaid, in one line."""

    def __init__(self, who: str, answer: httpx.Response) -> None:
        self.answer = answer
        try:
            body = answer.json()
        except ValueError:
            body = {}
        if isinstance(body, list):  # Firestore streams its errors too
            body = body[0] if body else {}
        error = body.get("error") if isinstance(body.get("error"), dict) else {}
        self.status: str = error.get("status") or body.get("error_code") or ""
        self.retry_after = float(error.get("details", {}).get("retry_after_seconds") or 0) if error else 0.0
        message = error.get("message") or body.get("error_message") or answer.text[:200].strip()
        super().__init__(f"{who} refused: {answer.status_code} {self.status}: {message}".replace("\n", " "))


@dataclass(frozen=True)
class User:
    """A signed-in user."""

    uid: str
    token: str
    email: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def sign_up(client: httpx.Client, ports: Ports, email: str | None = None) -> User:
    """A new user of the Auth emulator, signed in."""
    email = email or f"user-{uuid.uuid4().hex[:12]}@example.com"
    answer = client.post(
        f"{ports.url('auth')}/identitytoolkit.googleapis.com/v1/accounts:signUp",
        params={"key": "local"},
        json={"email": email, "password": uuid.uuid4().hex, "returnSecureToken": True},
    )
    if not answer.is_success:
        raise RefusedError("Auth", answer)
    return User(uid=answer.json()["localId"], token=answer.json()["idToken"], email=email)


class Api:
    """The REST routes, through Hosting."""

    def __init__(self, client: httpx.Client, ports: Ports, user: User) -> None:
        self._client, self._user = client, user
        self._base = f"{ports.url('hosting')}/api/v1/bank"

    def create_link_token(self, **options: str) -> Document:
        return self._call("GET", "connect", params=options)

    def exchange_public_token(self, **body: object) -> Document:
        return self._call("POST", "set_access_token", json=body)

    def sync_connection(self, connection_id: str) -> Document:
        return self._call("POST", f"connections/{connection_id}/sync", json={})

    def _call(self, method: str, path: str, **content: Any) -> Document:
        answer = self._client.request(method, f"{self._base}/{path}", headers=self._user.headers, **content)
        if not answer.is_success:
            raise RefusedError(f"{method} {path}", answer)
        found: Document = answer.json()
        return found


class Firestore:
    """Firestore over REST with a user's headers, so that the security rules apply as they do to an app."""

    def __init__(self, client: httpx.Client, ports: Ports, headers: dict[str, str]) -> None:
        self._client, self._headers = client, headers
        self._root = f"projects/{PROJECT}/databases/(default)/documents"
        self._base = f"{ports.url('firestore')}/v1/{self._root}"

    def get(self, path: str) -> Document | None:
        """A document's fields, or None where there is none."""
        answer = self._client.get(f"{self._base}/{path}", headers=self._headers)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if not answer.is_success:
            raise RefusedError(f"Firestore: {path}", answer)
        return decode_fields(answer.json())

    def owned(
        self, uid: str, collection: str, *, parent: str = "", newest: str | None = None, fields: Sequence[str] = ()
    ) -> Iterator[Document]:
        """A user's documents in a collection below a document, or in the collection group, page by page.

        Args:
            uid: the id of the user.
            collection: the collection id.
            parent: the path of the parent document; None queries the collection group.
            newest: the field to sort by, descending.
            fields: the fields to fetch; all by default.
        """
        query: Document = {
            "from": [{"collectionId": collection, "allDescendants": not parent}],
            "where": {
                "fieldFilter": {
                    "field": {"fieldPath": "app_user_id"},
                    "op": "EQUAL",
                    "value": {"stringValue": uid},
                }
            },
            "orderBy": [{"field": {"fieldPath": newest}, "direction": "DESCENDING"}] if newest else [],
            "limit": PAGE,
        }
        direction = "DESCENDING" if newest else "ASCENDING"
        query["orderBy"].append({"field": {"fieldPath": "__name__"}, "direction": direction})
        if fields:
            query["select"] = {"fields": [{"fieldPath": name} for name in fields]}
        while True:
            url = f"{self._base}/{parent}:runQuery" if parent else f"{self._base}:runQuery"
            answer = self._client.post(url, headers=self._headers, json={"structuredQuery": query})
            if not answer.is_success:
                raise RefusedError(f"Firestore: {collection}", answer)
            page = [row["document"] for row in answer.json() if "document" in row]
            yield from map(decode_fields, page)
            if len(page) < PAGE:
                return
            last = page[-1]
            values = [last["fields"][newest]] if newest else []
            query["startAt"] = {"values": [*values, {"referenceValue": last["name"]}], "before": False}


def decode_fields(document: Document) -> Document:
    """A REST document's fields as Python values."""
    return {name: decode(value) for name, value in document.get("fields", {}).items()}


def decode(value: Document) -> Any:
    """A REST value as a Python one."""
    [(kind, content)] = value.items()
    match kind:
        case "mapValue":
            return decode_fields(content)
        case "arrayValue":
            return [decode(item) for item in content.get("values", [])]
        case "integerValue":
            return int(content)
        case "doubleValue":
            return float(content)
        case "timestampValue":
            return datetime.fromisoformat(content)
        case "nullValue":
            return None
        case _:
            return content


class PlaidSandbox:
    """Calls Plaid's Sandbox endpoint that replaces a user in Link, and returns the public token."""

    def __init__(self, client: httpx.Client, base_url: str, client_id: str, secret: str) -> None:
        self._client, self._base = client, base_url
        self._headers = {"PLAID-CLIENT-ID": client_id, "PLAID-SECRET": secret, "Plaid-Version": "2020-09-14"}

    def create_public_token(
        self,
        *,
        institution_id: str,
        username: str | None = None,
        password: str | None = None,
        webhook: str | None = None,
        days: int = 730,
    ) -> str:
        """Link's result for the app after a login at the bank."""
        options: Document = {"transactions": {"days_requested": days}}
        if webhook:
            options["webhook"] = webhook
        if username:
            options |= {"override_username": username, "override_password": password}
        answer = self._client.post(
            f"{self._base}/sandbox/public_token/create",
            headers=self._headers,
            json={"institution_id": institution_id, "initial_products": ["transactions"], "options": options},
        )
        if not answer.is_success:
            raise RefusedError("Plaid", answer)
        return str(answer.json()["public_token"])
