"""The addresses that a deploy calls itself: the live system's, and Firestore's REST API."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx

from deploy.smoke import PROBES
from tests.deploy.fake_cloud import ACCESS_TOKEN, PROJECT, Cloud

TRIGGER = "on_notification_created"


@dataclass
class Web:
    """Answers as the live system and Firestore do, from the state of the cloud.

    Attributes:
        lacking: The permissions that the operator's account does not have.
        documents: The documents that the deploy wrote and has not deleted.
    """

    cloud: Cloud
    lacking: set[str] = field(default_factory=set)
    documents: set[str] = field(default_factory=set)

    def __call__(self, method: str, url: str, **given: Any) -> httpx.Response:
        """Answer a request as `httpx.request` does."""
        host, _, path = url.removeprefix("https://").partition("/")
        if host == "firestore.googleapis.com":
            return self._firestore(method, path, **given)
        if host == "cloudresourcemanager.googleapis.com":
            assert path == f"v1/projects/{PROJECT}:testIamPermissions"
            asked = given["json"]["permissions"]
            assert 0 < len(asked) <= 100
            return httpx.Response(200, json={"permissions": [one for one in asked if one not in self.lacking]})
        if host.endswith(".cloudfunctions.net"):
            return self._function(path)
        for probe in PROBES:
            if (method, f"/{path}") == (probe.method, probe.path):
                return httpx.Response(probe.status, json={"error": {"details": {"code": probe.code}}})
        return httpx.Response(200)

    def _function(self, name: str) -> httpx.Response:
        service = name.replace("_", "-")
        invokers = self.cloud.state["bindings"].get(f"service {service}", [])
        public = ["roles/run.invoker", "allUsers"] in invokers or service in self.cloud.state["unchecked"]
        return httpx.Response(200 if public else 403, text="<html>")

    def _firestore(self, method: str, path: str, **given: Any) -> httpx.Response:
        if given["headers"] != {"Authorization": f"Bearer {ACCESS_TOKEN}"}:
            return httpx.Response(401)
        if method == "DELETE":  # of a missing document, too
            self.cloud._change(lambda: self.documents.discard(path))
            return httpx.Response(200)
        name = f"{path}/{given['params']['documentId']}"
        if name in self.documents:
            return httpx.Response(409)

        def create() -> None:
            self.documents.add(name)
            self.cloud.deliver(TRIGGER)

        self.cloud._change(create)
        return httpx.Response(200)
