"""A worker prints one JSON object per line, as Cloud Logging expects, and no secrets, whichever logger writes.

Each test runs a worker in its own process, with every logger at DEBUG.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.vault.keys import new_keyset
from shared.log import redact

ROOT = Path(__file__).parents[2]
ACCESS = "access-sandbox-01234567-89ab-cdef-0123-456789abcdef"
PUBLIC = "public-production-01234567-89ab-cdef-0123-456789abcdef"
JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzb21lYm9keSJ9.c2lnbmF0dXJl"
SECRET = "a-secret-of-plaids-without-a-shape"
KEYSET = new_keyset()
KEY = json.loads(KEYSET)["key"][0]["keyData"]["value"]
NAME = "Ann Customer"  # Plaid's answers are private, too
PEM = "PRIVATE" + " KEY"  # in two parts, so that no scanner takes this file for a key
CANARIES = (ACCESS, PUBLIC, JWT, SECRET, KEY, NAME)

PREPARE = """
import json, logging, sys
from functions_framework import create_app
app = create_app("{function}", "main.py", "http")
for name in ("", "plaid", "urllib3", "google", "werkzeug", "another"):
    logging.getLogger(name).setLevel(logging.DEBUG)
ACCESS, PUBLIC, JWT, SECRET, KEY, NAME = {canaries!r}
"""


def printed(code: str, *, function: str = "api_not_found") -> tuple[list[dict[str, Any]], str]:
    """The output of a worker's process: its JSON lines, and the full text."""
    script = PREPARE.format(function=function, canaries=CANARIES) + textwrap.dedent(code)
    environment = os.environ | {
        "PLAID_SECRET": SECRET,
        "VAULT_KEYSET": KEYSET,
        "GCLOUD_PROJECT": "demo-bank",
        "BANK_LOG_LEVEL": "DEBUG",
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    whole = done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")], whole


def leaked(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary in text]


def test_no_logger_prints_a_secret_in_any_form() -> None:
    lines, whole = printed("""
        for name in ("bank", "plaid", "plaid.rest", "urllib3.connectionpool", "google.auth", "another", ""):
            logger = logging.getLogger(name)
            logger.debug("GET /x?access_token=%s&secret=%s HTTP/1.1", ACCESS, SECRET)
            logger.info({"headers": {"PLAID-SECRET": SECRET, "Authorization": "Bearer " + JWT}})
            logger.warning('{"public_token": "%s", "link_token": "x"}' % PUBLIC)
            logger.error("bytes %r and %(", b"access_token: " + ACCESS.encode(), KEY)
            try:
                raise ValueError("cannot use " + ACCESS + SECRET)
            except ValueError:
                logger.exception("failed with %s", JWT, stack_info=True)
        fields = {"a": [{"b": ACCESS}], "access_token": "zzzzz", SECRET: 1}
        logging.getLogger("bank").info("event", extra={"fields": fields})
        own = logging.getLogger("with.a.handler.of.its.own")
        own.addHandler(logging.StreamHandler(sys.stderr)); own.propagate = False
        own.error("plain %s %s", ACCESS, SECRET)
        """)
    assert leaked(whole) == []
    assert "zzzzz" not in whole
    assert len([line for line in lines if line["severity"] == "ERROR"]) >= 14
    assert "plain [redacted] [redacted]" in whole


def test_plaid_python_and_urllib3_at_debug_print_no_answers() -> None:
    lines, whole = printed("""
        import threading
        from http.server import BaseHTTPRequestHandler, HTTPServer
        from shared.adapters.clock import SystemClock
        from shared.adapters.plaid.client import PlaidClient
        from shared.domain.plaid_token import PlaidToken
        from shared.domain.region import Region
        from shared.settings import Settings

        class Plaid(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                text = json.dumps({"access_token": ACCESS, "item_id": "i", "owner": NAME, "request_id": "r"}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
            def log_message(self, *_): pass

        server = HTTPServer(("127.0.0.1", 0), Plaid)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        settings = Settings(project="demo-bank", plaid_base_url=url, plaid_client_id="c", plaid_secret=SECRET)
        bank = PlaidClient(settings=settings, clock=SystemClock())
        for name in ("plaid", "urllib3"):
            logging.getLogger(name).setLevel(logging.DEBUG)  # plaid-python's configuration has lowered them
        assert bank.exchange(PlaidToken(PUBLIC, Region.US)).access_token == PlaidToken(ACCESS, Region.US)
        """)
    assert leaked(whole) == []
    spoke = {line["logger"]: line["message"] for line in lines}
    assert "/item/public_token/exchange" in spoke["urllib3.connectionpool"]


def test_input_that_the_sdk_refuses_is_not_printed() -> None:
    lines, whole = printed(
        """
        with app.test_client() as client:
            for body in ({"x": ACCESS}, {"data": {}, "extra": NAME}, {"x": SECRET, NAME: 1}):
                assert client.post("/", json=body).status_code == 400
            client.post("/", data=ACCESS + NAME, content_type="text/plain")
        """,
        function="checkitem",
    )
    assert leaked(whole) == []
    assert "Logging error" not in whole
    assert {"Request body is missing data.", "Request body has extra fields"} <= {line["message"] for line in lines}


def test_a_line_is_what_cloud_logging_expects() -> None:
    lines, _ = printed("""
        with app.test_client() as client:
            client.get("/api/v1/x", headers={"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"})
        """)
    (line,) = [line for line in lines if line["message"] == "call.refused"]
    assert line["severity"] == "INFO"
    assert re.fullmatch(r"projects/demo-bank/traces/[0-9a-f]{32}", line["logging.googleapis.com/trace"])
    assert line["logging.googleapis.com/labels"] == {"function": "api_not_found"}
    assert line["code"] == "path_not_found"
    assert line["time"].endswith("+00:00")


@pytest.mark.parametrize(
    "text",
    [
        f'{{"access_token": "{ACCESS}"}}',
        f"{{'PLAID-SECRET': '{SECRET}'}}",
        f'{{\\"secret\\": \\"{SECRET}\\"}}',
        f"PLAID-SECRET: {SECRET}",
        f"client_secret={SECRET}&grant_type=x",
        f"Authorization: Bearer {SECRET}",
        f'"Authorization": "Bearer {JWT}"',
        "ya29.a0AfH6SMBxxxxxxx",
        f"-----BEGIN {PEM}-----\nMIIEvQ\n-----END {PEM}-----",
        f"password: {SECRET}",
    ],
)
def test_values_and_fields_that_look_like_secrets_are_redacted(text: str) -> None:
    struck = redact(text)
    assert "[redacted]" in struck
    for canary in (*CANARIES, "AfH6SMB", "MIIEvQ"):
        assert canary not in struck


@pytest.mark.parametrize(
    "text",
    [
        "sync.started",
        '{"item_id": "i-1", "status": "good"}',
        "public_token_invalid",
        "rotation.token_lost: x",
        "secret",
    ],
)
def test_other_values_are_not_redacted(text: str) -> None:
    assert redact(text) == text
