"""After a user's document was deleted, the backend erases the user only if the store confirms it."""

from __future__ import annotations

import pytest

from tests.usecases.conftest import ALICE, World


def deleted(world: World) -> None:
    world.eraser.user_deleted(ALICE, at=world.clock.now())


def test_a_user_whose_document_is_gone_is_erased(world: World) -> None:
    world.connected()
    deleted(world)
    assert world.store.connections == {}


def test_nothing_is_erased_while_the_document_exists(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.connected()
    world.profiles.existing.add(ALICE)
    before = repr(vars(world.store))
    deleted(world)
    assert set(world.store.connections) == {"1"}
    assert repr(vars(world.store)) == before
    assert [r.getMessage() for r in caplog.records if r.levelname == "WARNING"] == ["owner.exists"]
