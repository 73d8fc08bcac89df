"""Reads what is due, so that what a sweep cannot settle never stands in the way of what is younger."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
MAX_PAGES = 1000


def due_pages(
    due: Callable[[int], Sequence[T]], key: Callable[[T], str], *, size: int, max_pages: int = MAX_PAGES
) -> Iterator[list[T]]:
    """Yields what is due, page by page, each item once.

    The caller moves each item's due time. An item that it could not move is read again and skipped, and the next page
    is that much longer.

    Args:
        due: Reads so many of the items that have been due longest. All calls ask for the same moment.
        key: Names an item.
        size: Items per page.
        max_pages: The most pages of one scheduler run.
    """
    seen: set[str] = set()
    limit = size
    for _ in range(max_pages):
        found = due(limit)
        fresh = [item for item in found if key(item) not in seen]
        if fresh:
            yield fresh
        if len(found) < limit:
            return
        seen.update(map(key, fresh))
        limit = size + len(found) - len(fresh) if fresh else size + len(found)
