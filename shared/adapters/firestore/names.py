"""The names of what a query finds, and nothing else of it: for deleting. The library would build each document."""

from collections.abc import Iterator
from typing import Any

from google.cloud.firestore_v1.types import RunQueryResponse

_Response = RunQueryResponse.pb
PATIENCE_SECONDS = 300.0  # the library's own for a query


def names(query: Any) -> Iterator[str]:
    """Paths below the database's root, as they come in.

    Args:
        query: A query of the library's, without a transaction. Its projection is replaced.
    """
    client = query._client  # noqa: SLF001 (as in firestore_commit: the library's own channel, without its decoder)
    request, _prefix, _options = query.select(["__name__"])._prep_stream()  # noqa: SLF001
    root = len(f"{client._database_string}/documents/")  # noqa: SLF001
    metadata = client._rpc_metadata  # noqa: SLF001
    for response in client._firestore_api.run_query(request=request, metadata=metadata, timeout=PATIENCE_SECONDS):  # noqa: SLF001
        name: str = _Response(response).document.name
        if name:  # the last response may only say that there are no more
            yield name[root:]
