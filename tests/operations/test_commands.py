"""Operator commands on fakes: their output, their exit codes, and that they print no secrets."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from emulators.ports import Ports
from operations.commands import main
from operations.who import operator
from shared.adapters.vault.audit_signer import TinkSigner, new_keyset
from shared.adapters.vault.keys import vault_error
from shared.domain.audit import OPERATORS, Actor, AuditAction, AuditHead
from shared.domain.connection import SealedToken
from shared.domain.errors import ErrorClass, ErrorKind, ProviderError, Unavailable
from shared.domain.exchange import Intent
from shared.domain.products.kinds import ProductKind
from shared.domain.region import Region
from shared.ports import Delivery, TaskFunction, Version
from shared.serving import container, items_container, removal_container, tokens_container
from shared.settings import Settings, settings
from shared.usecases.tokens.reencrypt_tokens import ReencryptionResult
from tests.fakes import problem, row
from tests.places import offset_number
from tests.usecases.conftest import ALICE, World
from tests.usecases.removal.relink_ground import dies, link

CONTAINERS = (container, items_container, removal_container, tokens_container)


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Restore the process after a command: the log and, with --local, the environment."""
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
    handler = world.webhook_handler
    outside: dict[str, object] = {
        "settings": Settings(project="demo-bank"),
        "clock": world.clock,
        "connections": world.store,
        "credentials": world.credentials,
        "rotation_requests": world.rotations,
        "intents": world.intents,
        "syncs": world.store,
        "sync_queue": world.queue,
        "webhook_handler": handler,
        "audit_log": world.store,
        "history_moves": world.moves,
        "inbox": world.inbox,
        "paused": world.paused,
        "product_syncs": world.products,
        "tasks": world.queue,
        "eraser": world.eraser,
        "reencryption": lambda limit: ReencryptionResult("k1", moved=0, unopened=0, busy=0, done=True),
        "signer": TinkSigner(new_keyset()),
    }
    for name, fake in outside.items():
        place = next(c for c in CONTAINERS if hasattr(c, name))
        monkeypatch.setattr(place, name, lambda fake=fake: fake)
    for name in ("1", "2"):
        world.connected(name, row(f"t{name}"))
    world.connected("3", owner="bob", region=Region.EU)
    world.settle()
    world.queue.others.clear()
    return world


def asked(world: World) -> set[str]:
    assert all(function == TaskFunction.ROTATE_TOKEN for function, _ in world.queue.others)
    return {payload["connection_id"] for _, payload in world.queue.others}


@pytest.mark.parametrize(
    ("which", "wanted"),
    [
        (["--connection", "1"], {"1"}),
        (["--user", ALICE], {"1", "2"}),
        (["--institution", "ins_1"], {"1", "2", "3"}),
        (["--institution", "ins_2"], set()),
        (["--region", "eu"], {"3"}),
        (["--region", "us"], {"1", "2"}),
        (["--all"], {"1", "2", "3"}),
    ],
)
def test_rotate_asks_for_new_tokens(
    world: World, capsys: pytest.CaptureFixture[str], which: list[str], wanted: set[str]
) -> None:
    assert main(["rotate", *which]) == 0
    assert asked(world) == wanted
    assert {kept.wanted_by for kept, _ in world.store.kept.values()} - {None} <= {Actor.OPERATOR}
    assert capsys.readouterr().out.startswith(f"rotate: {len(wanted)} requested")
    assert main(["rotate", *which]) == 0
    assert capsys.readouterr().out.startswith("rotate: 0 requested"), "their rotation is already requested"


def test_rotations_lists_open_rotations_without_secrets(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    main(["rotate", "--all"])
    world.plaid.fail(
        "invalidate",
        ProviderError("a problem", kind=ErrorKind.PLAID_DOWN, error_type="API_ERROR", error_code="X"),
    )
    with pytest.raises(Exception, match="a problem"):
        world.rotation("1")
    world.rotation("2")
    capsys.readouterr()
    assert main(["rotations"]) == 0
    said = capsys.readouterr().out
    assert [line.split("  ")[0] for line in said.splitlines()[:-1]] == ["rotations: 3", "1"]
    assert "rotating since" in said
    assert said.endswith("2 pending\n")
    assert "token-" not in said
    assert world.store.audit[ALICE][-1].action is AuditAction.TOKEN_ROTATED
    assert world.store.audit[ALICE][-1].actor is Actor.OPERATOR


def test_intents_lists_unfinished_exchanges(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    now = world.clock.now()

    def begin(name: str) -> tuple[Intent, Version]:
        intent = Intent.new(
            intent_id=name, app_user_id=ALICE, connection_id=f"c-{name}", attempt="a", region=Region.EU, now=now
        )
        return world.intents.begin(intent)[:2]

    begin("open")
    stored, version = begin("stored")
    token = SealedToken(ciphertext="sealed-token", key_id="k")
    version = world.intents.update(stored.exchanged(token, item_id="item-9"), expected=version)
    done, version = begin("done")
    world.intents.update(done.connected({"connection_id": "c-done"}), expected=version)
    assert main(["intents"]) == 0
    said = capsys.readouterr().out
    assert "c-open  of alice  item unknown of region eu  unanswered, no token  due 2026-" in said
    assert "c-stored  of alice  item item-9 of region eu  unanswered, has a token  due 2026-" in said
    assert "c-done" not in said
    assert said.endswith("2 pending\n")
    assert "sealed-token" not in said


def test_replay_handles_webhooks_since_a_time(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    for number, connection in enumerate(("1", "2", "1")):
        world.clock.move(timedelta(hours=1))
        body = {"webhook_type": "TRANSACTIONS", "webhook_code": "SYNC_UPDATES_AVAILABLE", "item_id": "x"}
        world.inbox.record(Delivery(f"d{number}", body, world.clock.at, connection, due_at=world.clock.at))
    since = (world.clock.at - timedelta(minutes=90)).isoformat()
    assert main(["replay-webhooks", "--since", since]) == 0
    assert capsys.readouterr().out == "replay-webhooks: 2 processed\n"
    assert world.state("1").wanted
    assert world.state("2").wanted
    everything_of_1 = ["replay-webhooks", "--since", "2020-01-01", "--connection", "1"]
    assert main(everything_of_1) == 0
    skipped = "1 skipped: already processed; --handled processes them again"
    assert capsys.readouterr().out == f"replay-webhooks: 1 processed, {skipped}\n"
    assert main([*everything_of_1, "--handled"]) == 0
    assert capsys.readouterr().out == "replay-webhooks: 2 processed\n"


def test_replay_does_not_repeat_a_handled_account_revocation(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    body = {"webhook_type": "ITEM", "webhook_code": "USER_ACCOUNT_REVOKED", "item_id": "x", "account_id": "checking"}
    world.inbox.record(Delivery("d", body, world.clock.at, "1"))
    assert main(["replay-webhooks", "--since", "2020-01-01", "--handled"]) == 0
    said = "0 processed, 1 skipped: they removed accounts; the accounts that exist now were shared later"
    assert capsys.readouterr().out == f"replay-webhooks: {said}\n"
    assert set(world.store.account_rows["1"]) == {"checking"}


def test_reconcile_reads_everything_again(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.store.rows["1"].clear()
    assert main(["reconcile", "--connection", "1"]) == 0
    assert capsys.readouterr().out == "reconcile: 1 is queued\n"
    world.settle()
    assert world.equals_truth()


@pytest.mark.parametrize(
    ("which", "wanted"),
    [
        (["--connection", "1"], {"1"}),
        (["--user", ALICE], {"1", "2"}),
        (["--institution", "ins_1"], {"1", "2", "3"}),
        (["--institution", "ins_2"], set()),
    ],
)
def test_resync_requests_a_run_of_each_connection(
    world: World, capsys: pytest.CaptureFixture[str], which: list[str], wanted: set[str]
) -> None:
    assert main(["resync", *which]) == 0
    assert capsys.readouterr().out == f"resync: {len(wanted)} of {len(wanted)} queued\n"
    assert {connection_id for _, connection_id in world.queue.tasks} == wanted
    assert all(world.state(name).wanted for name in wanted)


def test_resync_refreshes_only_on_request(world: World) -> None:
    main(["resync", "--connection", "1"])
    main(["resync", "--connection", "2", "--refresh"])
    world.settle()
    assert world.calls.log.count("bank.refresh") == 1


def test_resync_reads_products_on_request_and_history_shows_them(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = Settings(project="demo-bank", sync_products=(ProductKind.RECURRING,))
    monkeypatch.setattr(container, "settings", lambda: chosen)
    world.kinds = frozenset(chosen.sync_products)
    world.sync_requests.by_event("1")
    world.settle()
    world.queue.others.clear()
    main(["resync", "--connection", "1"])
    assert world.queue.others == []
    main(["resync", "--connection", "1", "--products"])
    assert world.queue.others == [("syncproducts", {"connection_id": "1", "kind": "recurring"})]
    main(["history", "--connection", "1"])
    assert "product  recurring syncing, 0 rows, sync pending, due " in capsys.readouterr().out


def test_resync_skips_dead_connections_and_reports_a_single_one(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.store.describe("1", {"status": "error"})
    assert main(["resync", "--user", ALICE]) == 0
    assert capsys.readouterr().out == "resync: 1 of 2 queued\n"
    assert main(["resync", "--connection", "1"]) == 1
    assert "link the bank again (relink_required)" in capsys.readouterr().err


def test_pause_and_resume_report_their_changes(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pause", "--institution", "ins_1", "--reason", "nonsense"]) == 0
    assert main(["pause", "--institution", "ins_1"]) == 0
    assert main(["pause", "--all"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "pause: ins_1 is paused",
        "pause: ins_1 is already paused",
        "pause: everything is paused",
    ]
    assert main(["pauses"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("pauses: everything  since 2026-")
    assert "ins_1  since 2026-" in said
    assert f"by {operator()}  nonsense" in said
    assert said.endswith("2 paused\n")
    for which in (["--all"], ["--all"], ["--institution", "ins_1"]):
        assert main(["resume", *which]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "resume: " in line] == [
        "resume: everything is resumed",
        "resume: everything was not paused",
        "resume: ins_1 is resumed",
    ]
    still = [line.split("  ")[0] for line in lines if "resume: " not in line]
    assert still == ["ins_1", "ins_1"], "each resume lists what stays paused"


def test_erase_needs_a_confirmation_and_removes_everything(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["erase", "--user", ALICE]) == 1
    assert capsys.readouterr().err == "erase: 2 connections would be erased: confirm with --yes (not_confirmed)\n"
    assert set(world.store.connections) == {"1", "2", "3"}
    assert "operation" not in world.audited()
    assert main(["erase", "--user", ALICE, "--yes"]) == 0
    assert capsys.readouterr().out.startswith("erase: 2 connections erased")
    world.clean_up()
    assert set(world.store.connections) == {"3"}
    assert world.left_of("1") == world.left_of("2") == []
    begun = next(entry for entry in world.store.audit[ALICE] if entry.action is AuditAction.ERASURE_STARTED)
    assert (begun.actor, begun.details["reason"]) == (Actor.OPERATOR, "operator")


def test_typo_erases_no_user(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["erase", "--user", "alcie", "--yes"]) == 1
    assert capsys.readouterr().err == "erase: this user has no records (user_unknown)\n"
    assert world.erasures.kept == {}


def test_history_lists_events_in_order(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.clock.move(timedelta(hours=1))
    body = {"webhook_type": "TRANSACTIONS", "webhook_code": "SYNC_UPDATES_AVAILABLE", "item_id": "item-1"}
    world.inbox.record(Delivery("d1", body, world.clock.at, "1", trace=f"00-{'a' * 32}-{'b' * 16}-00"))
    world.clock.move(timedelta(hours=1))
    broken = problem(ErrorClass.USER, "ITEM_LOGIN_REQUIRED")
    world.plaid.fail("changes", broken)
    main(["resync", "--connection", "1"])
    world.sync("1")
    capsys.readouterr()
    assert main(["history", "--connection", "1"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.startswith("history: 1 of alice, ins_1, item item-1 of region us, status ")
    said = [" ".join(line.split()[1:5]) for line in lines]
    assert said[0] == "audit connection_created by user"
    assert said[1].startswith("sync run 1 completed")
    assert said[2] == "webhook TRANSACTIONS SYNC_UPDATES_AVAILABLE trace"
    assert said[3] == "audit operation by operator"
    assert "audit status_changed by provider" in said[4:]
    assert any("ITEM_LOGIN_REQUIRED, Plaid request r1" in line for line in lines)
    assert [line[:20] for line in lines] == sorted(line[:20] for line in lines)
    assert main(["history", "--connection", "1", "--last", "2"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == lines[-2:]


def test_history_shows_a_move_of_notes_and_its_end(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.store.write_note("1", "t1", "mine")
    dies(world, "1")
    new = link(world, "new", row("n1"), replaces="1", allow_duplicate=True)
    assert main(["history", "--connection", new]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert "notes of 1 waiting (0 moved, 0 archived), due 2026-" in head
    assert "replaces=1" in lines[0]
    world.sync(new)
    world.clean_up()
    assert main(["history", "--connection", new]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert "notes of" not in head
    assert any("audit    history_moved by backend  from=1  moved=" in line for line in lines)


def test_printed_values_cannot_move_the_cursor_or_forge_a_line(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    nasty = "Bank\x1b[2J\nforged\u202e"
    world.store.describe("1", {"institution_name": nasty})
    assert main(["history", "--connection", "1"]) == 0
    assert main(["pause", "--institution", "ins_1", "--reason", nasty]) == 0
    assert main(["pauses"]) == 0
    assert main(["reconcile", "--connection", nasty]) == 1
    captured = capsys.readouterr()
    for text in (captured.out, captured.err):
        assert not {"\x1b", "\u202e"} & set(text)
        assert not any(line.startswith("forged") for line in text.splitlines())
    assert "Bank\\x1b[2J\\nforged" in captured.out


def test_history_of_a_user_outlives_their_connections(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.remove("1")
    world.clean_up()
    assert main(["history", "--connection", "1"]) == 1
    assert main(["history", "--user", ALICE]) == 0
    assert "removal_done by backend  1" in capsys.readouterr().out
    assert main(["history", "--user", "unknown"]) == 1


@pytest.mark.parametrize(
    ("arguments", "whose", "said"),
    [
        (["rotate", "--connection", "1"], ALICE, {"command": "rotate"}),
        (["rotate", "--all"], OPERATORS, {"command": "rotate", "all": "True"}),
        (["rotate", "--institution", "ins_1"], OPERATORS, {"command": "rotate", "institution": "ins_1"}),
        (["resync", "--user", ALICE, "--refresh"], ALICE, {"command": "resync", "refresh": "True"}),
        (["reconcile", "--connection", "3"], "bob", {"command": "reconcile"}),
        (["reencrypt"], OPERATORS, {"command": "reencrypt"}),
        (["pause", "--all", "--reason", "x"], OPERATORS, {"command": "pause", "all": "True", "reason": "x"}),
        (["resume", "--institution", "ins_1"], OPERATORS, {"command": "resume", "institution": "ins_1"}),
        (["erase", "--user", "bob", "--yes"], "bob", {"command": "erase", "yes": "True"}),
        (
            ["replay-webhooks", "--since", "2026-01-01"],
            OPERATORS,
            {"command": "replay-webhooks", "since": "2026-01-01 00:00:00+00:00"},
        ),
        (
            ["replay-webhooks", "--since", "2026-01-01", "--handled"],
            OPERATORS,
            {"command": "replay-webhooks", "since": "2026-01-01 00:00:00+00:00", "handled": "True"},
        ),
    ],
)
def test_every_changing_command_is_audited_with_its_operator(
    world: World, monkeypatch: pytest.MonkeyPatch, arguments: list[str], whose: str, said: dict[str, str]
) -> None:
    monkeypatch.setenv("OPERATOR", "dora")
    assert main(arguments) == 0
    entries = [entry for entry in world.store.audit[whose] if entry.action is AuditAction.OPERATION]
    assert [(entry.actor, entry.details) for entry in entries] == [(Actor.OPERATOR, said | {"operator": "dora"})]


def test_command_that_cannot_be_audited_is_not_executed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    outage = Unavailable("the store did not answer", code="store_unavailable")
    monkeypatch.setattr(container, "audit_log", fails(outage))
    for arguments in (["resync", "--connection", "1"], ["pause", "--all"], ["rotate", "--all"]):
        assert main(arguments) == 1
    assert world.queue.tasks == []
    assert world.queue.others == []
    assert world.paused.load()[0].everything is None


def test_reading_commands_are_not_audited(world: World) -> None:
    before = {who: len(chain) for who, chain in world.store.audit.items()}
    for arguments in (["history", "--user", ALICE], ["pauses"], ["rotations"], ["intents"]):
        assert main(arguments) == 0
    assert {who: len(chain) for who, chain in world.store.audit.items()} == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["rotate", "--connection", "x"],
        ["resync", "--connection", "x"],
        ["history", "--connection", "x"],
        ["reconcile", "--connection", "x"],
        ["replay-webhooks", "--since", "2026-01-01", "--connection", "x"],
    ],
)
def test_missing_objects_are_reported(world: World, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
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
        ["resync"],
        ["resync", "--connection", "1", "--user", "x"],
        ["history"],
        ["history", "--user", "x", "--last", "0"],
        ["pause"],
        ["pause", "--all", "--institution", "x"],
        ["resume"],
        ["erase", "--yes"],
        ["replay-webhooks"],
        ["replay-webhooks", "--since", "yesterday"],
    ],
)
def test_wrong_usage_exits_with_2_and_does_nothing(
    world: World, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    calls = len(world.calls.log)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert len(world.calls.log) == calls
    assert "usage" in capsys.readouterr().err


def test_missing_project_names_the_setting(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GCLOUD_PROJECT", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    settings.cache_clear()
    assert main(["rotations"]) == 2
    assert capsys.readouterr().err == "rotations: set GOOGLE_CLOUD_PROJECT, or use --local\n"


def test_missing_local_stack_is_reported(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    unused = offset_number(12)  # above the port numbers of the stacks, the system gives ports to any connection
    monkeypatch.setenv("PORT_OFFSET", str(unused))
    assert main(["--local", "rotations"]) == 1
    assert f"no local stack answers at port {Ports.at(unused).firestore}" in capsys.readouterr().err


def fails(error: Exception) -> Any:
    def call() -> None:
        raise error

    return call


def test_outage_exits_with_1_and_may_be_retried(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    outage = Unavailable("the store did not answer", code="store_unavailable")
    monkeypatch.setattr(container, "connections", fails(outage))
    assert main(["reconcile", "--connection", "1"]) == 1
    assert capsys.readouterr().err == "reconcile: the store did not answer (store_unavailable)\n"
    monkeypatch.setattr(container, "connections", fails(problem(ErrorClass.CONFIGURATION, "INVALID_API_KEYS")))
    assert main(["reconcile", "--connection", "1"]) == 1
    assert capsys.readouterr().err == "reconcile: a problem (INVALID_API_KEYS, request r1)\n"


def test_internal_error_shows_no_token(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "access-sandbox-11111111-2222-3333-4444-555555555555"
    monkeypatch.setattr(tokens_container, "rotation_requests", fails(RuntimeError(f"it was {token}")))
    assert main(["rotate", "--all"]) == 1
    said = capsys.readouterr()
    assert "operation.failed" in said.err
    assert token not in said.err + said.out


def test_audit_reports_a_complete_log_or_its_damage(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-audit", "--user", ALICE]) == 0
    assert capsys.readouterr().out == "check-audit: 2 entries, all intact\n"
    chain = world.store.audit[ALICE]
    chain[0] = chain[0].model_copy(update={"connection_id": "another"})
    assert main(["check-audit", "--user", ALICE]) == 1
    assert capsys.readouterr().err == "check-audit: entry 1: was changed (audit_damaged)\n"


def test_blocked_audit_log_continues_on_an_operators_command_which_is_audited(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    chain = world.store.audit[ALICE]
    world.store.audit_ends[ALICE] = AuditHead()
    assert main(["check-audit", "--user", ALICE, "--go-on"]) == 0
    assert "continues after entry 2" in capsys.readouterr().out
    assert (chain[2].action, chain[2].details["go_on"]) == (AuditAction.OPERATION, "True")
    assert main(["check-audit", "--user", ALICE, "--go-on"]) == 0
    assert capsys.readouterr().out == "check-audit: 3 entries, all intact\n"


@pytest.mark.parametrize(
    ("came", "code", "says"),
    [
        (ReencryptionResult("k2", moved=3, unopened=0, busy=0, done=True), 0, "3 re-encrypted; every token uses k2"),
        (ReencryptionResult("k2", moved=3, unopened=1, busy=0, done=True), 1, "1 cannot be decrypted"),
        (ReencryptionResult("k2", moved=3, unopened=0, busy=2, done=True), 1, "2 were being written"),
    ],
)
def test_key_is_reported_unused_only_when_no_token_needs_it(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    came: ReencryptionResult,
    code: int,
    says: str,
) -> None:
    monkeypatch.setattr(tokens_container, "reencryption", lambda: lambda limit: came)
    assert main(["reencrypt"]) == code
    out, err = capsys.readouterr()
    assert says in (out if code == 0 else err)


def test_reason_for_a_failing_vault_is_printed(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def shut() -> None:
        raise vault_error("NO_VAULT_KEY")

    monkeypatch.setattr(tokens_container, "reencryption", shut)
    assert main(["reencrypt"]) == 1
    err = capsys.readouterr().err
    assert "(NO_VAULT_KEY)" in err
    assert "set VAULT_KEY" in err
