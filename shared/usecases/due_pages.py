"""Reads due items page by page, so that items which a sweep cannot settle never block later ones."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
MAX_PAGES = 1000


def due_pages(
    due: Callable[[int], Sequence[T]], key: Callable[[T], str], *, size: int, max_pages: int = MAX_PAGES
) -> Iterator[list[T]]:
    """Yields due items, page by page, each item once.

    The caller postpones each item. An item that it could not postpone is read again and skipped; the next page is read
    with a higher limit to make up for it.

    Args:
        due: Reads up to so many items, longest due first. All calls must use the same moment.
        key: Names an item.
        size: Items per page.
        max_pages: The maximum number of pages in one scheduler run.
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
