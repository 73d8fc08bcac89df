"""The list of the backend's collections is complete: a restore in an app's project restores exactly these."""

from __future__ import annotations

import re

from deploy.collections import COLLECTIONS
from emulators.setup import ROOT
from shared.domain.products.kinds import ProductKind

# An error code and fields, which are no collections.
OTHERS = {"bank_unavailable", "bank_at", "bank_failed", "bank_known_at", "bank_source"}


def in_code() -> set[str]:
    """The names in string literals of the code that stores documents, and of the products that have rows."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "shared/adapters/firestore").glob("*.py")]
    found = {name for text in texts for name in re.findall(r"[\"/](bank_[a-z_]+)[\"/]", text)}
    return (found | {f"bank_{kind}" for kind in ProductKind}) - OTHERS


def in_rules() -> set[str]:
    return set(re.findall(r"match [^{\n]*?/(bank_[a-z_]+)/", (ROOT / "firestore.rules").read_text(encoding="utf-8")))


def test_every_collection_is_listed() -> None:
    assert in_rules()
    assert (in_code() | in_rules()) - set(COLLECTIONS) == set()


def test_every_listed_collection_exists() -> None:
    assert set(COLLECTIONS) - in_code() - in_rules() == set()
    assert list(COLLECTIONS) == sorted(COLLECTIONS)
    assert len(COLLECTIONS) <= 100  # Firestore's limit for one export
