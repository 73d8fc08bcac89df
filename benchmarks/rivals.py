"""What the backend is compared with: typical implementations of the same work, and the minimum amount of work.

`naive`, `naive_holdings`, `batch`: plaid-python's typed answers, written with google-cloud-firestore as in its guides.
`prepare`, `floor`: no logic. Pages are fetched as bytes and discarded, and the backend's commits for them are sent
again as prebuilt protobufs without preconditions: one page, then its rows, in one thread. `floor(as_bytes=True)` sends
the protobufs' bytes, as the backend does.
`delete_floor`: finds the documents of a connection with one query for their names, and deletes them in raw commits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import plaid
import urllib3
from google.cloud import firestore
from google.cloud.firestore_v1.types import CommitRequest, RunQueryResponse
from plaid.api import plaid_api
from plaid.model.investments_holdings_get_request import InvestmentsHoldingsGetRequest
from plaid.model.transactions_sync_request import TransactionsSyncRequest

from benchmarks import product
from benchmarks.process import Json, Timed, serve
from shared.adapters.firestore import commit
from shared.serving import container
from shared.settings import settings

COUNT = 500
DELETES = 400  # as many as the backend's
ROWS_OF_A_COMMIT = 100  # commits with fewer writes belong to the state, not to rows
HEADERS = {"Content-Type": "application/json"}

_prepared: list[tuple[bytes | None, Any]] = []  # the request of a page, for its first commit only, and the commit


def typed_api() -> plaid_api.PlaidApi:
    """plaid-python's client."""
    given = settings()
    key = {"clientId": given.plaid_client_id, "secret": given.plaid_secret.get_secret_value()}
    return plaid_api.PlaidApi(plaid.ApiClient(plaid.Configuration(host=given.plaid_base_url, api_key=key)))


def typed_pages(access_token: str) -> Iterator[list[Any]]:
    """Every page of a history, as plaid-python returns it."""
    api = typed_api()
    cursor, more = "", True
    while more:
        answer = api.transactions_sync(TransactionsSyncRequest(access_token=access_token, cursor=cursor, count=COUNT))
        yield answer["added"]
        cursor, more = answer["next_cursor"], answer["has_more"]


def storable(value: Any) -> Any:
    """Converts dates, because Firestore has timestamps but no dates."""
    if isinstance(value, dict):
        return {name: storable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [storable(inner) for inner in value]
    return value.isoformat() if isinstance(value, date) and not isinstance(value, datetime) else value


def naive(access_token: str) -> Json:
    """Writes each transaction with one `set`."""
    client = firestore.Client(project=settings().project)
    rows = client.collection("bank_connections", "naive", "bank_transactions")
    count = 0
    with Timed() as took:
        for page in typed_pages(access_token):
            for transaction in page:
                rows.document(transaction["transaction_id"]).set(storable(transaction.to_dict()))
                count += 1
    return {"seconds": took.seconds, "cpu": took.cpu, "rows": count}


def naive_holdings(access_token: str) -> Json:
    """Writes each position, with its security, with one `set`; deletes nothing."""
    client = firestore.Client(project=settings().project)
    rows = client.collection("bank_connections", "naive", "bank_holdings")
    with Timed() as took:
        answer = typed_api().investments_holdings_get(InvestmentsHoldingsGetRequest(access_token=access_token))
        securities = {one["security_id"]: storable(one.to_dict()) for one in answer["securities"]}
        for one in answer["holdings"]:
            name, security = f"{one['account_id']}.{one['security_id']}", securities[one["security_id"]]
            rows.document(name).set({**storable(one.to_dict()), "security": security})
    return {"seconds": took.seconds, "cpu": took.cpu, "product_rows": len(answer["holdings"])}


def batch(access_token: str) -> Json:
    """Writes each page with one WriteBatch."""
    client = firestore.Client(project=settings().project)
    rows = client.collection("bank_connections", "batch", "bank_transactions")
    count = 0
    with Timed() as took:
        for page in typed_pages(access_token):
            writes = client.batch()
            for transaction in page:
                writes.set(rows.document(transaction["transaction_id"]), storable(transaction.to_dict()))
                count += 1
            writes.commit()
    return {"seconds": took.seconds, "cpu": took.cpu, "rows": count}


def prepare(public_token: str) -> Json:
    """Runs one sync of the backend and records its requests and writes."""
    bank = container.plaid()
    requests: list[bytes] = []
    bodies: list[dict[str, Any]] = []
    changes = bank.changes

    def remembered(access_token: Any, *, cursor: str | None) -> Any:
        bodies.append({"access_token": access_token.reveal(), "count": COUNT} | ({"cursor": cursor} if cursor else {}))
        return changes(access_token, cursor=cursor)

    def recorded(client: firestore.Client, request: bytes) -> Any:
        requests.append(request)
        return send(client, request)

    bank.changes = remembered  # type: ignore[method-assign]
    send, commit.send = commit.send, recorded
    try:
        connection_id = product.connect(public_token)["connection_id"]
        product.sync(connection_id)
    finally:
        commit.send = send
        bank.changes = changes  # type: ignore[method-assign]
    parsed = [CommitRequest.pb().FromString(request) for request in requests]
    large = [request for request in parsed if len(request.writes) >= ROWS_OF_A_COMMIT]
    for request in large:
        for write in request.writes:
            # The database is emptied in between, so rows stay new, and no previous rows exist.
            if write.current_document.HasField("update_time") or write.current_document.exists:
                write.ClearField("current_document")
    asked = [json.dumps(body).encode() for body in bodies]
    rows = max(len(asked), len(large))
    # A page and a commit form one step of the floor; surplus pages or commits are steps of their own.
    _prepared[:] = [(asked[i] if i < len(asked) else None, large[i] if i < len(large) else None) for i in range(rows)]
    return {"pages": len(asked), "commits": len(large), "writes": sum(len(one.writes) for one in large)}


def floor(*, as_bytes: bool = False) -> Json:
    """Repeats the recorded pages and commits."""
    given, client = settings(), container.firestore_client()
    key = {"PLAID-CLIENT-ID": given.plaid_client_id, "PLAID-SECRET": given.plaid_secret.get_secret_value()}
    pool = urllib3.PoolManager()
    url = f"{given.plaid_base_url}/transactions/sync"
    size = 0
    ready = [(asked, large and large.SerializeToString() if as_bytes else large) for asked, large in _prepared]
    with Timed() as took:
        for asked, request in ready:
            if asked is not None:
                size += len(pool.request("POST", url, body=asked, headers=HEADERS | key, retries=False).data)
            if request is not None and as_bytes:
                commit.send(client, request)
            elif request is not None:
                client._firestore_api.commit(  # noqa: SLF001
                    request=CommitRequest.wrap(request),
                    metadata=client._rpc_metadata,  # noqa: SLF001
                    timeout=60.0,
                )
    if size < 1000 * len(_prepared):
        raise AssertionError("the recorded requests are not pages")
    return {"seconds": took.seconds, "cpu": took.cpu, "bytes": size}


def delete_floor(connection_id: str) -> Json:
    """Deletes a connection's transactions: one query for the names, then the commits one by one."""
    client = container.firestore_client()
    rows = client.collection("bank_connections", connection_id, "bank_transactions")
    request = {"parent": rows.parent._document_path, "structured_query": rows.select(["__name__"])._to_protobuf()}  # noqa: SLF001
    with Timed() as took:
        found = client._firestore_api.run_query(request=request, metadata=client._rpc_metadata)  # noqa: SLF001
        names = [name for response in found if (name := RunQueryResponse.pb(response).document.name)]
        for start in range(0, len(names), DELETES):
            deletes = CommitRequest.pb()(database=client._database_string)  # noqa: SLF001
            for name in names[start : start + DELETES]:
                deletes.writes.add().delete = name
            commit.send(client, deletes.SerializeToString())
    return {"seconds": took.seconds, "cpu": took.cpu, "deleted": len(names)}


if __name__ == "__main__":
    serve(
        {
            "naive": naive,
            "naive_holdings": naive_holdings,
            "batch": batch,
            "prepare": prepare,
            "floor": floor,
            "delete_floor": delete_floor,
        }
    )
