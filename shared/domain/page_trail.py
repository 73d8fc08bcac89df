"""The cursors of one loop over a provider's change log: a loop that cannot end fails instead of running for ever.

Each page with `has_more` names the cursor of the next one. A cursor that this loop has seen before leads in a circle,
whatever its length. Pages that only ever bring new cursors are bounded by their number, and in a row without any
change by a smaller one. A loop can outlast a run, so the cursors seen are handed over with it: as hashes of 8 bytes,
at most 40 KB.
"""

from hashlib import blake2b

from shared.domain.errors import EndlessPages
from shared.domain.transaction import Page

MAX_PAGES = 5_000  # 2.5 million changes at Plaid's 500 a page
MAX_EMPTY_PAGES = 100  # in a row
RETRY_AFTER_SECONDS = 30  # no page of such a loop is worth another try at once
_HASH_BYTES = 8


class PageTrail:
    """The cursors that one loop has seen.

    Args:
        start: The cursor that the loop, or its continuation, begins with; None is the beginning of the log.
        seen: What `export` returned to the run before, if this run continues its loop.
    """

    def __init__(self, start: str | None, *, seen: bytes = b"") -> None:
        self._seen = {seen[at : at + _HASH_BYTES] for at in range(0, len(seen), _HASH_BYTES)}
        self._seen.add(_hash(start or ""))
        self._empty = 0

    def follow(self, page: Page) -> str:
        """The cursor of the page after this one, which says that there is more.

        Raises:
            EndlessPages: There is no such cursor, it was seen before, or there were too many pages.
        """
        if not page.next_cursor:
            raise _endless(page, "CURSOR_STANDS_STILL")
        seen = _hash(page.next_cursor)
        if seen in self._seen:
            raise _endless(page, "CURSOR_REVISITED")
        self._seen.add(seen)
        rows = (page.added, page.modified, page.removed, page.set_aside, page.removed_aside)
        self._empty = 0 if any(rows) else self._empty + 1
        if len(self._seen) > MAX_PAGES or self._empty > MAX_EMPTY_PAGES:
            raise _endless(page, "PAGES_WITHOUT_END")
        return page.next_cursor

    def export(self) -> bytes:
        """What a continuation of this loop has to know."""
        return b"".join(sorted(self._seen))


def _hash(cursor: str) -> bytes:
    return blake2b(cursor.encode(), digest_size=_HASH_BYTES).digest()


def _endless(page: Page, error_code: str) -> EndlessPages:
    return EndlessPages(error_code, request_id=page.request_id, retry_after_seconds=RETRY_AFTER_SECONDS)
