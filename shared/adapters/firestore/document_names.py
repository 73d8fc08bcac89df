"""Reads only the names of the documents that a query finds, in order to delete them."""

from collections.abc import Iterator
from typing import Any

from google.cloud.firestore_v1.types import RunQueryResponse

_Response = RunQueryResponse.pb
QUERY_TIMEOUT_SECONDS = 300.0  # the library's default for a query


def document_names(query: Any) -> Iterator[str]:
    """Yields paths relative to the database's root, as they arrive.

    Args:
        query: A query of the library, without a transaction. Its projection is replaced.
    """
    client = query._client  # noqa: SLF001 (as in commit.py: the library's own channel, without its decoder)
    request, _prefix, _options = query.select(["__name__"])._prep_stream()  # noqa: SLF001
    root = len(f"{client._database_string}/documents/")  # noqa: SLF001
    metadata = client._rpc_metadata  # noqa: SLF001
    for response in client._firestore_api.run_query(request=request, metadata=metadata, timeout=QUERY_TIMEOUT_SECONDS):  # noqa: SLF001
        name: str = _Response(response).document.name
        if name:  # the last response may have no document
            yield name[root:]
