"""The cursors of one loop over a provider's change log, so that an endless loop fails instead of running forever.

Each page with `has_more` names the cursor of the next page. A cursor that the loop has seen before means that the pages
repeat. Pages with ever new cursors are limited in number, with a lower limit for consecutive pages without changes. A
loop can span several runs, so the seen cursors are handed over as hashes of 8 bytes, at most 40 KB.
"""

from hashlib import blake2b

from shared.domain.errors import EndlessPages
from shared.domain.transaction import Page

MAX_PAGES = 5_000  # 2.5 million changes at Plaid's 500 a page
MAX_EMPTY_PAGES = 100  # in a row
RETRY_AFTER_SECONDS = 30  # an immediate retry of such a loop would fail, too
_HASH_BYTES = 8


class PageTrail:
    """The cursors that one loop has seen.

    Args:
        start: The first cursor of the loop or its continuation; None is the beginning of the log.
        seen: The `export` of the previous run, if this run continues its loop.
    """

    def __init__(self, start: str | None, *, seen: bytes = b"") -> None:
        self._seen = {seen[at : at + _HASH_BYTES] for at in range(0, len(seen), _HASH_BYTES)}
        self._seen.add(_hash(start or ""))
        self._empty = 0

    def follow(self, page: Page) -> str:
        """The cursor of the next page, after a page with `has_more`.

        Raises:
            EndlessPages: The page has no cursor, its cursor was seen before, or there were too many pages.
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
        """The seen cursors, for a continuation of the loop."""
        return b"".join(sorted(self._seen))


def _hash(cursor: str) -> bytes:
    return blake2b(cursor.encode(), digest_size=_HASH_BYTES).digest()


def _endless(page: Page, error_code: str) -> EndlessPages:
    return EndlessPages(error_code, request_id=page.request_id, retry_after_seconds=RETRY_AFTER_SECONDS)
