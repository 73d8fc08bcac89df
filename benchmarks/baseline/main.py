"""The baseline for warm functions: it verifies the caller as the backend does and reads one document."""

import functools
import json

import firebase_admin
from firebase_admin import auth
from firebase_functions import https_fn
from flask import Request, Response
from google.cloud import firestore


@functools.cache
def app() -> firebase_admin.App:
    """The shared Firebase Auth client."""
    return firebase_admin.initialize_app()


@functools.cache
def client() -> firestore.Client:
    """The shared Firestore client."""
    return firestore.Client()


@https_fn.on_request()
def verify_and_read(request: Request) -> Response:
    """Returns the caller's document; 401 without a valid token."""
    try:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        uid = auth.verify_id_token(token, app=app(), check_revoked=True)["uid"]
    except (auth.InvalidIdTokenError, ValueError):
        return Response("sign in", status=401)
    found = client().document("users", uid).get().to_dict()
    return Response(json.dumps({"uid": uid, "found": found is not None}), content_type="application/json")
