"""`make trace` on lines as in Cloud Logging and the local stack; tests/e2e/test_trace.py covers the whole flow."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from operations.trace import Line, log_filter, main, parsed, story

A, B = "a" * 32, "b" * 32
CONNECTION = "5fb2a4d77a0d43b5aef834b32716ffd5"


def line(trace_id: str, second: int, message: str, **fields: object) -> Line:
    return {
        "severity": "INFO",
        "time": f"2026-03-01T12:00:{second:02}+00:00",
        "message": message,
        "logging.googleapis.com/trace": f"projects/p/traces/{trace_id}",
        "function": "f",
        **fields,
    }


LINES = [
    line(A, 3, "sync.started", run=1),
    line(A, 1, "call.answered", http=201),
    line(B, 2, "plaid.called", request_id="r-plaid-1"),
    line(A, 2, "task.enqueued", task=f"{CONNECTION}-q1"),
]


@pytest.mark.parametrize("wanted", [A, CONNECTION, f"{CONNECTION}-q1"])
def test_any_id_of_a_call_finds_its_lines_in_order(wanted: str) -> None:
    said = story(wanted, LINES)
    assert said[0] == f"trace {A}, from 2026-03-01T12:00:01+00:00"
    assert [text.split()[3] for text in said[1:4]] == ["call.answered", "task.enqueued", "sync.started"]
    assert [text.split()[0] for text in said[1:4]] == ["0.000", "1.000", "2.000"]
    assert said[4:] == [""]


def test_id_shared_by_several_calls_finds_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    said = story("r-plaid-1", [*LINES, line(A, 9, "plaid.called", request_id="r-plaid-1")])
    assert [text for text in said if text.startswith("trace")] == [
        f"trace {A}, from 2026-03-01T12:00:01+00:00",
        f"trace {B}, from 2026-03-01T12:00:02+00:00",
    ]
    assert story("r-plaid-2", LINES) == []


def test_internal_error_is_shown_with_its_stack_and_no_token() -> None:
    token = "access-sandbox-11111111-2222-3333-4444-555555555555"
    said = "\n".join(story(A, [line(A, 1, "call.failed", severity="ERROR", exception=f"Traceback\n  {token}")]))
    assert "[ERROR]" in said
    assert "Traceback" in said
    assert token not in said


def test_foreign_lines_in_the_emulators_log_are_skipped() -> None:
    log = ["i  functions: Beginning execution", f">  {json.dumps(LINES[0])}", '>  {"severity": "INFO", "mess', ""]
    assert list(parsed(log)) == [LINES[0]]


@pytest.fixture
def gcloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A gcloud that answers as Cloud Logging does, and records how it was called."""
    entries = [
        {
            "severity": one["severity"],
            "timestamp": one["time"],
            "trace": one["logging.googleapis.com/trace"],
            "jsonPayload": {k: v for k, v in one.items() if k not in ("severity", "time") and "/" not in k},
        }
        for one in LINES
    ]
    (tmp_path / "entries.json").write_text(json.dumps([*entries, {"textPayload": "of another function"}]))
    script = tmp_path / "gcloud"
    script.write_text(f'#!/bin/sh\necho "$3" >> {tmp_path}/asked\ncat {tmp_path}/entries.json\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    return tmp_path


def test_on_a_project_it_asks_cloud_logging_for_the_traces_and_then_for_their_lines(
    gcloud: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([CONNECTION]) == 0
    assert capsys.readouterr().out.startswith(f"trace {A}, from 2026-03-01T12:00:01+00:00\n")
    assert (gcloud / "asked").read_text().splitlines() == [
        log_filter("p", CONNECTION),
        f'trace="projects/p/traces/{A}"',
    ]


def test_without_gcloud_it_prints_the_filter(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    assert main([A]) == 1
    assert f'trace="projects/p/traces/{A}"' in capsys.readouterr().err


def test_error_of_gcloud_is_shown(gcloud: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (gcloud / "gcloud").write_text("#!/bin/sh\necho 'no permission' >&2\nexit 1\n")
    assert main([A]) == 1
    assert capsys.readouterr().err == "trace: gcloud logging read failed: no permission\n"


def test_missing_lines_are_reported(gcloud: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["f" * 32]) == 1
    assert capsys.readouterr().err == f"trace: no log line contains {'f' * 32}\n"


@pytest.mark.parametrize("wrong", ["", 'x" OR severity>"', "short"])
def test_invalid_id_exits_with_2(wrong: str, gcloud: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main([wrong])
    assert ended.value.code == 2
    assert not (gcloud / "asked").exists()


def test_log_content_cannot_move_the_cursor_or_forge_a_line() -> None:
    nasty = "\x1b[2J\r\nforged\u202e"
    printed = story(A, [line(A, 1, nasty, severity="ERROR", bank=nasty, exception=f"Traceback\n  {nasty}")])
    assert not {"\x1b", "\r", "\u202e"} & set("".join(printed))
    assert not any(text.startswith("forged") for text in printed)
    assert "bank=\\x1b[2J\\r\\nforged\\u202e" in printed[1]
