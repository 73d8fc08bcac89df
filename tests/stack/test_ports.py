"""The ports on which the stack listens."""

from __future__ import annotations

import json
import socket

import pytest

from emulators.environment import Plaid, write_config
from emulators.ports import BAD_PORTS, FOR_BROWSERS, HOST, Ports, StackError, check_free, offset_from_environment
from emulators.setup import ROOT


def test_firebase_json_names_the_documented_ports() -> None:
    emulators = json.loads((ROOT / "firebase.json").read_text())["emulators"]
    documented = dict(Ports().items()) | {"ui": None}
    named = {name: part["port"] for name, part in emulators.items() if isinstance(part, dict) and "port" in part}
    assert named.items() <= documented.items()
    assert emulators["firestore"]["websocketPort"] == Ports().websocket
    assert all(part["host"] == HOST for part in emulators.values() if isinstance(part, dict) and "port" in part)


def test_an_offset_moves_every_port() -> None:
    config = write_config(Ports.at(1234), Plaid.choose(Ports.at(1234), {}))
    try:
        moved = json.loads(config.read_text())["emulators"]
    finally:
        config.unlink()
    ports = [part["port"] for part in moved.values() if isinstance(part, dict) and "port" in part]
    assert sorted([*ports, moved["firestore"]["websocketPort"]]) == sorted(
        port + 1234 for name, port in Ports().items() if name != "plaid"
    )


def test_no_offset_puts_one_service_on_anothers_default_port() -> None:
    default = {port for _, port in Ports().items()}
    for offset in (1100, 2500, 3000, 5000):
        assert not default & {port for _, port in Ports.at(offset).items()}


@pytest.mark.parametrize("offset", [1, 80, 1099, 60000, -1])
def test_an_offset_that_would_collide_is_refused(offset: int) -> None:
    with pytest.raises(StackError, match="PORT_OFFSET"):
        Ports.at(offset)


@pytest.mark.parametrize(
    ("offset", "service", "port", "good"),
    [
        (1565, "functions", 6566, 1567),
        (1566, "hosting", 6566, 1567),
        (1664, "functions", 6665, 1670),
        (1981, "plaid", 10080, 1982),
        (2000, "firestore", 10080, 2001),
        (5079, "functions", 10080, 5081),
        (5080, "hosting", 10080, 5081),
    ],
)
def test_an_offset_that_browsers_refuse_is_refused_and_the_next_good_one_named(
    offset: int, service: str, port: int, good: int
) -> None:
    with pytest.raises(StackError) as refused:
        Ports.at(offset)
    line = str(refused.value)
    assert f"PORT_OFFSET={offset} puts {service} on port {port}" in line
    assert line.endswith(f"use PORT_OFFSET={good}.")
    assert Ports.at(good).offset == good


def test_no_offset_that_is_accepted_puts_a_browser_s_address_on_a_bad_port() -> None:
    accepted = []
    for offset in (0, *range(1100, 6000)):
        try:
            accepted.append(Ports.at(offset))
        except StackError:
            continue
    assert len(accepted) > 4800
    assert not BAD_PORTS & {getattr(ports, name) for ports in accepted for name in FOR_BROWSERS}


@pytest.mark.parametrize("text", ["x", "1.5", "-2000", "²"])
def test_an_offset_that_is_no_number_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT_OFFSET", text)
    with pytest.raises(StackError, match="PORT_OFFSET"):
        offset_from_environment()


def test_missing_or_empty_offset_means_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT_OFFSET", "")
    assert offset_from_environment() == 0
    monkeypatch.delenv("PORT_OFFSET")
    assert offset_from_environment() == 0


def test_used_port_is_reported_with_its_process() -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StackError, match=rf"{port} \(hosting, held by pid \d+ .*\).*PORT_OFFSET"):
            check_free(Ports(hosting=port), {"hosting"}, patience=0)
