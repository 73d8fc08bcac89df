"""Every kind of write in a sync's commit has a function in the adapter, and one in the fake."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from shared.adapters.firestore import sync_writes
from shared.ports import Write
from tests import fake_sync_writes


@pytest.mark.parametrize("put", [sync_writes.put, fake_sync_writes.put])
def test_every_kind_of_write_is_known(put: Any) -> None:
    assert set(put.registry) - {object} == set(get_args(Write))


def test_an_unknown_write_is_refused() -> None:
    unknown: Any = object()
    with pytest.raises(TypeError):
        sync_writes.put(unknown, unknown)
