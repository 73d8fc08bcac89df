"""Start, stop, the state file, the clock, and the control API."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from .harness import Linked, Refused, Sim, running_simulator
from .people import EVERYTHING
from .test_requests import LINK


def test_the_state_survives_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with running_simulator(state=file) as sim:
        items = [sim.generated(300), sim.link("user_custom", EVERYTHING), sim.link("user_transactions_dynamic", "x")]
        items[2].call("/transactions/refresh")
        first = items[0].truth()["transactions"][5]["transaction_id"]
        items[0].control("transactions", modify=[{"transaction_id": first, "amount": 1}], add=[{"amount": 2.50}])
        items[1].control("accounts", change=[{"account_id": items[1].account_ids()[0], "current": 77.70}])
        cursors = [item.sync(count=50)["next_cursor"] for item in items]
        truths = [item.truth() for item in items]
        broken = sim.link()
        broken.call("/sandbox/item/reset_login")
        token = sim.call("/link/token/create", **LINK)["link_token"]
        kid = sim.control("/webhooks/rotate_key")["current"]
        sim.advance(3600)
        now = sim.look("/clock")["now"]
    with running_simulator(state=file) as sim:
        again = [Linked(sim, item.item_id, item.access_token) for item in items]
        assert [item.truth() for item in again] == truths
        for item, cursor in zip(again, cursors, strict=True):
            item.sync(cursor)
        with pytest.raises(Refused, match="ITEM_LOGIN_REQUIRED"):
            sim.call("/accounts/get", access_token=broken.access_token)
        assert sim.call("/link/token/get", link_token=token)["metadata"]["client_name"] == "An app"
        assert sim.call("/webhook_verification_key/get", key_id=kid)["key"]["expired_at"] is None
        assert sim.look("/clock")["now"] >= now
        assert sim.call("/accounts/balance/get", access_token=again[1].access_token)
        assert again[1].call("/identity/get")["accounts"][0]["owners"][0]["names"] == ["Ada Example", "Bob Example"]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_simulator_starts_standalone_prints_one_line_and_stops_on_a_signal(end: signal.Signals) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "emulators.plaid", "--port", "0"]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        assert "http://127.0.0.1:" in process.stdout.readline()
        process.send_signal(end)
        assert process.stdout.read() == ""
        assert process.wait(60) == 0


def test_the_default_port_moves_with_port_offset() -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "emulators.plaid", "--help"]
    env = {**os.environ, "PORT_OFFSET": "1234", "COLUMNS": "200"}
    shown = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=True).stdout
    assert "PORT_OFFSET" in shown


def test_the_clock_moves_forward_only(sim: Sim) -> None:
    before = sim.look("/clock")["now"]
    sim.control("/clock", to="2099-01-01T00:00:00Z")
    assert sim.look("/clock")["now"].startswith("2099-01-01T00:00:0")
    assert sim.http.post(f"{sim.url}/_sim/clock", json={"to": before}).status_code == 400
    sim.control("/reset")
    assert sim.look("/clock")["ahead_seconds"] == 0


def test_reset_forgets_everything(sim: Sim) -> None:
    item = sim.link()
    sim.control("/faults", kind="error")
    sim.control("/reset")
    assert sim.look("/items") == {"items": []}
    assert sim.look("/faults") == {"faults": []}
    with pytest.raises(Refused):
        item.call("/item/get")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/clock", {}),
        ("/clock", {"advance_seconds": "soon"}),
        ("/settings", {"colour": "red"}),
        ("/settings", {"rate_limits": "mars"}),
        ("/items", {"colour": "red"}),
        ("/items", {"institution_id": "ins_0"}),
        ("/items/ITEM/state", {"state": "sleepy"}),
        ("/items/ITEM/transactions", {"added": []}),
        ("/items/ITEM/transactions", {"add": 5}),
        ("/items/ITEM/webhook", {}),
        ("/webhooks/faults", {"mode": "strange"}),
    ],
)
def test_invalid_orders_are_refused_with_a_reason(sim: Sim, path: str, body: dict[str, object]) -> None:
    item = sim.link()
    answer = sim.http.post(f"{sim.url}/_sim{path.replace('ITEM', item.item_id)}", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_unknown_items_and_rows_are_404(sim: Sim) -> None:
    item = sim.link()
    assert sim.http.get(f"{sim.url}/_sim/items/unknown").status_code == 404
    answer = sim.http.post(f"{sim.url}/_sim/items/{item.item_id}/transactions", json={"remove": ["unknown"]})
    assert answer.status_code == 404


def test_items_can_be_created_and_read_without_link(sim: Sim) -> None:
    made = sim.control("/items", username="user_generated", password='{"transactions": 5}', days=30)
    sim.advance(10)
    item = Linked(sim, made["item_id"], made["access_token"])
    assert len(item.sync()["added"]) == 5
    [listed] = sim.look("/items")["items"]
    assert (listed["state"], listed["readiness"], listed["log_length"]) == ("healthy", "HISTORICAL_UPDATE_COMPLETE", 5)
    assert sim.look(f"/items/{item.item_id}")["item"]["item_id"] == item.item_id


def test_changed_account_is_visible_at_once(sim: Sim) -> None:
    item = sim.link()
    account_id = item.account_ids()[0]
    item.control("accounts", change=[{"account_id": account_id, "current": 12.5, "name": "Renamed", "mask": None}])
    account = item.call("/accounts/get")["accounts"][0]
    assert (str(account["balances"]["current"]), account["name"], account["mask"]) == ("12.5", "Renamed", None)
    item.control("accounts", add=[{"type": "credit", "meta": {"name": "Second card"}}])
    assert item.call("/accounts/get")["accounts"][-1]["name"] == "Second card"


def test_many_clients_at_once_see_consistent_items(sim: Sim) -> None:
    items = [sim.generated(200, seed, ready=False) for seed in range(6)]
    sim.advance(10)
    failures: list[BaseException] = []

    def work(item: Linked) -> None:
        try:
            mine = Linked(Sim(sim.url), item.item_id, item.access_token)
            for _ in range(10):
                added = mine.control("transactions", add=[{"amount": 1}])["added"]
                rows, cursor = [], ""
                while True:
                    page = mine.sync(cursor, count=100)
                    rows += [row["transaction_id"] for row in page["added"]]
                    cursor = page["next_cursor"]
                    if not page["has_more"]:
                        break
                assert rows[-1] == added[0]
                assert len(rows) == len(set(rows))
            mine.sim.http.close()
        except BaseException as error:  # noqa: BLE001 - passed on to the main thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(item,)) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
