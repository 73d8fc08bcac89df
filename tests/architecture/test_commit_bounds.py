"""A commit stays small in bytes and in index entries: production counts both together, the emulator only bytes.

https://firebase.google.com/docs/firestore/quotas#writes_and_transactions: 10 MiB per commit.
"""

from __future__ import annotations

import json
from pathlib import Path

from shared.adapters.firestore.commit import MAX_COMMIT_BYTES
from shared.usecases.sync.write_changes import MAX_ATOMIC_ROWS, STREAM_ROWS

INDEXES = json.loads((Path(__file__).parents[2] / "firestore.indexes.json").read_text())
# What a user may write on a row: category, hidden and tags ascending and descending, and each of twenty tags. If many
# rows have more entries, production answers "too big", and the commit is halved.
USER_ENTRIES = 2 * 3 + 20
ENTRY_BYTES = (
    150  # a document's name, a field's value and 32 bytes: https://firebase.google.com/docs/firestore/storage-size
)


def entries_of_a_row() -> int:
    """The maximum number of index entries of one transaction."""
    own = [f for f in INDEXES["fieldOverrides"] if f["collectionGroup"] == "bank_transactions"]
    composite = [i for i in INDEXES["indexes"] if i["collectionGroup"] == "bank_transactions"]
    return sum(len(f["indexes"]) for f in own) + len(composite) + USER_ENTRIES


def test_a_transaction_makes_few_index_entries() -> None:
    assert entries_of_a_row() <= 45


def test_the_largest_commit_fits_production_with_its_index_entries() -> None:
    rows = max(MAX_ATOMIC_ROWS, STREAM_ROWS)
    assert MAX_COMMIT_BYTES + rows * entries_of_a_row() * ENTRY_BYTES < 10 * 2**20
