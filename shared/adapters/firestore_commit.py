"""One way to write: a batch of protobufs, committed at once, with compare-and-set where it matters.

Source: https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#google.firestore.v1.Firestore.Commit
"""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from google.api_core import exceptions, retry
from google.cloud.firestore_v1.types import CommitRequest, CommitResponse, common
from google.cloud.firestore_v1.types import write as write_types

from shared.adapters.firestore_errors import OUTAGES, unavailable
from shared.adapters.firestore_values import encode_fields
from shared.domain.errors import AlreadyThere, CommitTooLarge, Conflict
from shared.log import log
from shared.ports import Version

if TYPE_CHECKING:
    from google.cloud import firestore

# The emulator takes messages of 4 MiB, production 10 MiB of documents and their index entries together.
MAX_COMMIT_BYTES = 3_900_000
COMMIT_TIMEOUT_SECONDS = 30.0
READ_TIMEOUT_SECONDS = 15.0  # where a caller has something to lose; the library's own patience is five minutes

_Write = write_types.Write.pb()
_Mask = common.DocumentMask.pb()
RETRY = retry.Retry(
    predicate=retry.if_exception_type(exceptions.ServiceUnavailable), initial=0.1, maximum=2.0, timeout=15.0
)


def mask_of(fields: Iterable[str]) -> Any:
    """A mask of top-level fields, made once and shared by all writes that have it."""
    return _Mask(field_paths=list(fields))


class Batch:
    """Writes that happen together or not at all, in order."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client
        self._request = CommitRequest.pb()(database=client._database_string)  # noqa: SLF001 (has no public name)
        self._root = f"{client._database_string}/documents/"  # noqa: SLF001
        self._kinds: Counter[str] = Counter()  # of which collection how many, for the log

    def __len__(self) -> int:
        return len(self._request.writes)

    def create(self, path: str, fields: Mapping[str, Any], *, ready: Any = None) -> None:
        """A document that must not exist yet; `ready` is a part of it that was encoded ahead."""
        self._put(path, fields, ready).current_document.exists = False

    def replace(self, path: str, fields: Mapping[str, Any], *, expected: Version | None = None) -> None:
        """A whole document, whatever was there; or only if it is unchanged since `expected`."""
        write = self._put(path, fields)
        if expected is not None:
            write.current_document.update_time.CopyFrom(expected)

    def update(self, path: str, fields: Mapping[str, Any], *, expected: Version | None = None) -> None:
        """Some fields of a document that must exist; or only if it is unchanged since `expected`."""
        write = self._put(path, fields)
        write.update_mask.field_paths.extend(fields)
        if expected is not None:
            write.current_document.update_time.CopyFrom(expected)
        else:
            write.current_document.exists = True

    def merge(
        self, path: str, fields: Mapping[str, Any], mask: Any, *, ready: Any = None, expected: Version | None = None
    ) -> None:
        """The fields in the mask (those not given are removed) of a document that is made if need be."""
        write = self._put(path, fields, ready)
        write.update_mask.CopyFrom(mask)
        if expected is not None:
            write.current_document.update_time.CopyFrom(expected)

    def delete(self, path: str, *, expected: Version | None = None, must_exist: bool = False) -> None:
        """Removes a document, there or not; or only if it is there, or unchanged since `expected`."""
        write = self._add(path)
        write.delete = self._root + path
        if expected is not None:
            write.current_document.update_time.CopyFrom(expected)
        elif must_exist:
            write.current_document.exists = True

    def commit(self) -> list[Version]:
        """Commits.

        Returns:
            The new version of each document, in the order of the writes.

        Raises:
            Conflict: A precondition does not hold; nothing was written by this call.
            AlreadyThere: The same, of a document that must not exist yet.
            CommitTooLarge: Nothing was written.
            Unavailable: Firestore did not answer; whether anything was written is unknown.
        """
        size = self._request.ByteSize()
        if size > MAX_COMMIT_BYTES:
            raise CommitTooLarge(f"{size} bytes")
        began = time.monotonic()
        try:
            response = self._client._firestore_api.commit(  # noqa: SLF001 (the library's own channel, without its encoder)
                request=CommitRequest.wrap(self._request),
                metadata=self._client._rpc_metadata,  # noqa: SLF001
                retry=RETRY,
                timeout=COMMIT_TIMEOUT_SECONDS,
            )
        except exceptions.AlreadyExists:
            log.info("commit.refused", writes=dict(self._kinds))
            raise AlreadyThere from None
        except (exceptions.FailedPrecondition, exceptions.NotFound, exceptions.Aborted):
            log.info("commit.refused", writes=dict(self._kinds))
            raise Conflict from None
        except exceptions.InvalidArgument as error:
            if "too big" in str(error).lower() or "too large" in str(error).lower():
                raise CommitTooLarge from None
            raise
        except OUTAGES as error:
            raise unavailable() from error
        ms = round((time.monotonic() - began) * 1000)
        log.info("commit.done", writes=dict(self._kinds), ms=ms, bytes=size)
        return [result.update_time for result in CommitResponse.pb(response).write_results]

    def _add(self, path: str) -> Any:
        self._kinds[path.rsplit("/", 2)[-2]] += 1
        return self._request.writes.add()

    def _put(self, path: str, fields: Mapping[str, Any], ready: Any = None) -> Any:
        write = self._add(path)
        if ready is not None:
            write.update.CopyFrom(ready)
        write.update.name = self._root + path
        encode_fields(write.update.fields, fields)
        return write


def version_of(snapshot: Any) -> Version:
    """The version of a document that the library has read."""
    return snapshot.update_time.timestamp_pb()
