"""What operators do by hand, on fakes: the words, the exit codes, and that nothing secret is said."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from operations.commands import main
from shared import container
from shared.adapters.audit_signer import TinkSigner, new_keyset
from shared.domain.audit import Actor, AuditAction
from shared.domain.connection import SealedToken
from shared.domain.errors import Fault, ProviderError, Unavailable
from shared.domain.exchange import Intent
from shared.ports import Delivery, TaskFunction, Version
from shared.settings import Settings, settings
from shared.usecases.handle_webhook import WebhookHandler
from tests.fakes import problem, row
from tests.usecases.conftest import ALICE, World


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """A command sets up its process: the log, and with --local the environment."""
    import logging

    root, before = logging.getLogger(), dict(os.environ)
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    os.environ.clear()
    os.environ.update(before)
    settings.cache_clear()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    handler = WebhookHandler(inbox=world.inbox, check=world.check, clock=world.clock)
    outside: dict[str, object] = {
        "settings": Settings(project="demo-bank"),
        "clock": world.clock,
        "connections": world.store,
        "credentials": world.credentials,
        "rotations": world.rotations,
        "intents": world.intents,
        "syncs": world.store,
        "sync_queue": world.queue,
        "webhook_handler": handler,
        "audit_log": world.store,
        "signer": TinkSigner(new_keyset()),
    }
    for name, fake in outside.items():
        monkeypatch.setattr(container, name, lambda fake=fake: fake)
    for name in ("1", "2"):
        world.connected(name, row(f"t{name}"))
    world.connected("3", owner="bob")
    world.settle()
    world.queue.others.clear()
    return world


def asked(world: World) -> set[str]:
    assert all(function == TaskFunction.ROTATE_TOKEN for function, _ in world.queue.others)
    return {payload["connection_id"] for _, payload in world.queue.others}


@pytest.mark.parametrize(
    ("which", "wanted"),
    [(["--connection", "1"], {"1"}), (["--user", ALICE], {"1", "2"}), (["--all"], {"1", "2", "3"})],
)
def test_rotate_asks_for_new_tokens(
    world: World, capsys: pytest.CaptureFixture[str], which: list[str], wanted: set[str]
) -> None:
    assert main(["rotate", *which]) == 0
    assert asked(world) == wanted
    assert {kept.wanted_by for kept, _ in world.store.kept.values()} - {None} == {Actor.OPERATOR}
    assert capsys.readouterr().out.startswith(f"rotate: {len(wanted)} asked for")
    assert main(["rotate", *which]) == 0
    assert capsys.readouterr().out.startswith("rotate: 0 asked for"), "they are wanted already"


def test_rotations_lists_what_is_to_be_done_and_says_nothing_secret(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["rotate", "--all"])
    world.bank.fail(
        "invalidate", ProviderError("a problem", fault=Fault.TRANSIENT, error_type="API_ERROR", error_code="X")
    )
    with pytest.raises(Exception, match="a problem"):
        world.rotation("1")
    world.rotation("2")
    capsys.readouterr()
    assert main(["rotations"]) == 0
    said = capsys.readouterr().out
    assert [line.split("  ")[0] for line in said.splitlines()[:-1]] == ["rotations: 3", "1"]
    assert "under way since" in said
    assert said.endswith("2 to be done\n")
    assert "token-" not in said
    assert world.store.audit[ALICE][-1].action is AuditAction.TOKEN_ROTATED
    assert world.store.audit[ALICE][-1].actor is Actor.OPERATOR


def test_intents_lists_what_exchanges_left_behind(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    now = world.clock.now()

    def begin(name: str) -> tuple[Intent, Version]:
        intent = Intent.new(intent_id=name, app_user_id=ALICE, connection_id=f"c-{name}", attempt="a", now=now)
        return world.intents.begin(intent)[:2]

    begin("open")
    stored, version = begin("stored")
    token = SealedToken(ciphertext="sealed-token", key_id="k")
    version = world.intents.update(stored.exchanged(token, item_id="item-9"), expected=version)
    done, version = begin("done")
    world.intents.update(done.connected({"connection_id": "c-done"}), expected=version)
    assert main(["intents"]) == 0
    said = capsys.readouterr().out
    assert "c-open  of alice  item unknown  unanswered, without a token  due 2026-" in said
    assert "c-stored  of alice  item item-9  unanswered, holds a token  due 2026-" in said
    assert "c-done" not in said
    assert said.endswith("2 to be done\n")
    assert "sealed-token" not in said


def test_replay_handles_what_came_since(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    for number, connection in enumerate(("1", "2", "1")):
        world.clock.move(timedelta(hours=1))
        body = {"webhook_type": "TRANSACTIONS", "webhook_code": "SYNC_UPDATES_AVAILABLE", "item_id": "x"}
        world.inbox.record(Delivery(f"d{number}", body, world.clock.at, connection))
    since = (world.clock.at - timedelta(minutes=90)).isoformat()
    assert main(["replay-webhooks", "--since", since]) == 0
    assert capsys.readouterr().out == "replay-webhooks: 2 handled\n"
    assert world.state("1").wanted
    assert world.state("2").wanted
    assert main(["replay-webhooks", "--since", "2020-01-01", "--connection", "1"]) == 0
    assert capsys.readouterr().out == "replay-webhooks: 2 handled\n"


def test_reconcile_reads_everything_again(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.store.rows["1"].clear()
    assert main(["reconcile", "--connection", "1"]) == 0
    assert capsys.readouterr().out == "reconcile: 1 is queued\n"
    world.settle()
    assert world.equals_truth()


@pytest.mark.parametrize(
    "arguments",
    [
        ["rotate", "--connection", "x"],
        ["reconcile", "--connection", "x"],
        ["replay-webhooks", "--since", "2026-01-01", "--connection", "x"],
    ],
)
def test_what_does_not_exist_is_said_so(world: World, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert said.err == f"{arguments[0]}: no such connection (connection_not_found)\n"
    assert said.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unknown"],
        ["rotate"],
        ["rotate", "--all", "--user", "x"],
        ["reconcile"],
        ["replay-webhooks"],
        ["replay-webhooks", "--since", "yesterday"],
    ],
)
def test_a_command_called_wrongly_is_2_and_does_nothing(
    world: World, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    calls = len(world.calls.log)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert len(world.calls.log) == calls
    assert "usage" in capsys.readouterr().err


def test_without_a_project_it_says_what_to_set(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GCLOUD_PROJECT", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    settings.cache_clear()
    assert main(["rotations"]) == 2
    assert capsys.readouterr().err == "rotations: set GOOGLE_CLOUD_PROJECT, or say --local\n"


def test_without_a_local_stack_it_says_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT_OFFSET", "49999")
    assert main(["--local", "rotations"]) == 1
    assert "no local stack answers at port 58079" in capsys.readouterr().err


def fails(error: Exception) -> Any:
    def call() -> None:
        raise error

    return call


def test_an_outage_is_1_and_may_be_tried_again(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    outage = Unavailable("the store did not answer", code="store_unavailable")
    monkeypatch.setattr(container, "connections", fails(outage))
    assert main(["reconcile", "--connection", "1"]) == 1
    assert capsys.readouterr().err == "reconcile: the store did not answer (store_unavailable)\n"
    monkeypatch.setattr(container, "connections", fails(problem(Fault.CONFIGURATION, "INVALID_API_KEYS")))
    assert main(["reconcile", "--connection", "1"]) == 1
    assert capsys.readouterr().err == "reconcile: a problem (INVALID_API_KEYS, request r1)\n"


def test_a_bug_shows_no_token(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "access-sandbox-11111111-2222-3333-4444-555555555555"
    monkeypatch.setattr(container, "rotations", fails(RuntimeError(f"it was {token}")))
    assert main(["rotate", "--all"]) == 1
    said = capsys.readouterr()
    assert "operation.failed" in said.err
    assert token not in said.err + said.out


def test_an_audit_log_is_said_to_be_whole_or_its_damages_are_named(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check-audit", "--user", ALICE]) == 0
    assert capsys.readouterr().out == "check-audit: 2 entries, as they were written\n"
    chain = world.store.audit[ALICE]
    chain[0] = chain[0].model_copy(update={"connection_id": "another"})
    assert main(["check-audit", "--user", ALICE]) == 1
    assert capsys.readouterr().err == "check-audit: entry 1: was changed (audit_damaged)\n"
