"""Batches of writes that are committed atomically, with optional compare-and-set.

A request is assembled as bytes: rows arrive encoded from the thread that fetches them, and are only framed here.
Source: https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#google.firestore.v1.Firestore.Commit
"""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from google.api_core import exceptions, gapic_v1, retry
from google.cloud.firestore_v1.services.firestore.transports.base import DEFAULT_CLIENT_INFO
from google.cloud.firestore_v1.types import CommitRequest, CommitResponse, common, document
from google.cloud.firestore_v1.types import write as write_types

from shared.adapters.firestore.encoding import encode_fields
from shared.adapters.firestore.errors import OUTAGES, unavailable
from shared.domain.errors import AlreadyThere, CommitTooLarge, Conflict, NotStorable
from shared.log import log
from shared.ports import Version

if TYPE_CHECKING:
    from google.cloud import firestore

# The emulator accepts messages of 4 MiB, production 10 MiB of documents and index entries together.
MAX_COMMIT_BYTES = 3_900_000
COMMIT_TIMEOUT_SECONDS = 30.0
READ_TIMEOUT_SECONDS = 15.0  # for reads that a caller waits for; the library's default is five minutes

METHOD = "/google.firestore.v1.Firestore/Commit"
RETRY = retry.Retry(
    predicate=retry.if_exception_type(exceptions.ServiceUnavailable), initial=0.1, maximum=2.0, timeout=15.0
)

_Request, _Response = CommitRequest.pb(), CommitResponse.pb()
_Write, _Document = write_types.Write.pb(), document.Document.pb()
_Mask, _Precondition = common.DocumentMask.pb(), common.Precondition.pb()

# Parts of a Write. Concatenated encoded messages of one type are one message with the fields of all of them:
# https://protobuf.dev/programming-guides/encoding/#last-one-wins
_ABSENT: bytes = _Write(current_document=_Precondition(exists=False)).SerializeToString()
_PRESENT: bytes = _Write(current_document=_Precondition(exists=True)).SerializeToString()


def _unchanged(version: Version) -> bytes:
    return bytes(_Write(current_document=_Precondition(update_time=version)).SerializeToString())


def mask_of(fields: Iterable[str]) -> bytes:
    """The part of a write that lists its top-level fields; created once for all writes with the same fields."""
    return bytes(_Write(update_mask=_Mask(field_paths=list(fields))).SerializeToString())


class Batch:
    """An atomic, ordered batch of writes."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client
        self._root = f"{client._database_string}/documents/"  # noqa: SLF001 (has no public name)
        self._writes: list[bytes] = []
        self._kinds: Counter[str] = Counter()  # number of writes by collection, for the log

    def __len__(self) -> int:
        return len(self._writes)

    def create(self, path: str, fields: Mapping[str, Any], *, ready: bytes = b"") -> None:
        """Creates a document that must not exist yet; `ready` has additional, already encoded fields."""
        self._put(path, fields, ready, _ABSENT)

    def replace(self, path: str, fields: Mapping[str, Any], *, expected: Version | None = None) -> None:
        """Writes a whole document; with `expected`, only if it is unchanged since that version."""
        self._put(path, fields, b"", _unchanged(expected) if expected is not None else b"")

    def update(self, path: str, fields: Mapping[str, Any], *, expected: Version | None = None) -> None:
        """Updates fields of a document that must exist; with `expected`, only if it is unchanged since that version."""
        condition = _unchanged(expected) if expected is not None else _PRESENT
        self._put(path, fields, b"", mask_of(fields), condition)

    def merge(
        self,
        path: str,
        fields: Mapping[str, Any],
        mask: bytes,
        *,
        ready: bytes = b"",
        expected: Version | None = None,
    ) -> None:
        """Writes the fields in the mask (missing ones are removed); creates the document if it does not exist."""
        self._put(path, fields, ready, mask, _unchanged(expected) if expected is not None else b"")

    def delete(self, path: str, *, expected: Version | None = None, must_exist: bool = False) -> None:
        """Deletes a document if it exists; with `must_exist` or `expected`, requires that it exists or is unchanged."""
        condition = _unchanged(expected) if expected is not None else _PRESENT if must_exist else b""
        self._add(path, _Write(delete=self._root + path).SerializeToString(), condition)

    def commit(self) -> list[Version]:
        """Commits the batch.

        Returns:
            The new version of each document, in the order of the writes.

        Raises:
            Conflict: A precondition does not hold; nothing was written.
            AlreadyThere: A document to be created already exists; nothing was written.
            CommitTooLarge: The batch is too large; nothing was written.
            NotStorable: Firestore refuses a value or name; nothing was written.
            Unavailable: Firestore did not respond; the batch may or may not have been written.
        """
        database = _Request(database=self._client._database_string)  # noqa: SLF001
        request = b"".join([database.SerializeToString(), *self._writes])
        if len(request) > MAX_COMMIT_BYTES:
            raise CommitTooLarge(f"{len(request)} bytes")
        began = time.monotonic()
        try:
            response = send(self._client, request)
        except exceptions.AlreadyExists:
            log.info("commit.refused", writes=dict(self._kinds))
            raise AlreadyThere from None
        except (exceptions.FailedPrecondition, exceptions.NotFound, exceptions.Aborted):
            log.info("commit.refused", writes=dict(self._kinds))
            raise Conflict from None
        except exceptions.InvalidArgument as error:
            if "too big" in str(error).lower() or "too large" in str(error).lower():
                raise CommitTooLarge from None
            log.warning("commit.not_storable", writes=dict(self._kinds))
            raise NotStorable from error
        except OUTAGES as error:
            raise unavailable() from error
        ms = round((time.monotonic() - began) * 1000)
        log.info("commit.done", writes=dict(self._kinds), ms=ms, bytes=len(request))
        return [result.update_time for result in response.write_results]

    def _put(self, path: str, fields: Mapping[str, Any], ready: bytes, *parts: bytes) -> None:
        made = _Document(name=self._root + path)
        encode_fields(made.fields, fields)
        self._add(path, _field(_Write, "update", made.SerializeToString() + ready), *parts)

    def _add(self, path: str, *parts: bytes) -> None:
        self._kinds[path.rsplit("/", 2)[-2]] += 1
        self._writes.append(_field(_Request, "writes", b"".join(parts)))


def send(client: "firestore.Client", request: bytes) -> Any:
    """Calls Commit over the library's channel, but without its encoder; returns a CommitResponse protobuf."""
    channel = client._firestore_api.transport.grpc_channel  # noqa: SLF001
    bare = channel.unary_unary(METHOD, response_deserializer=_Response.FromString)
    # The library adds to a call: errors as exceptions, its name, and the header that names the database.
    call = gapic_v1.method.wrap_method(bare, client_info=DEFAULT_CLIENT_INFO)  # type: ignore[no-untyped-call]
    routing = gapic_v1.routing_header.to_grpc_metadata({"database": client._database_string})  # type: ignore[no-untyped-call]  # noqa: SLF001
    metadata = [*client._rpc_metadata, routing]  # noqa: SLF001
    return call(request, metadata=metadata, retry=RETRY, timeout=COMMIT_TIMEOUT_SECONDS)


def _field(of: Any, name: str, body: bytes) -> bytes:
    """An encoded message as a field of another: https://protobuf.dev/programming-guides/encoding/#length-types"""
    return _tag(of, name) + _varint(len(body)) + body


@cache
def _tag(of: Any, name: str) -> bytes:
    return _varint(of.DESCRIPTOR.fields_by_name[name].number << 3 | 2)


def _varint(number: int) -> bytes:
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def version_of(snapshot: Any) -> Version:
    """The version of a snapshot."""
    at = snapshot.update_time
    return at.timestamp_pb() if hasattr(at, "timestamp_pb") else at  # in a collection group it is already a protobuf
