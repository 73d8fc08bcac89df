"""Which Plaid host the functions use, and with which settings."""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock, call

import pytest

from emulators import environment
from emulators.countries import COUNTRIES
from emulators.environment import Plaid
from emulators.ports import Ports, StackError
from emulators.setup import LOCAL
from emulators.setup_task import tool_environment
from shared import log
from shared.settings import Settings

PORTS = Ports.at(3000)
KEYS = {"PLAID_CLIENT_ID": "id", "PLAID_SECRET": "secret"}
WEBHOOK = "http://127.0.0.1:8000/api/v1/bank/webhook"


@pytest.mark.parametrize("given", [{}, KEYS, {"PLAID_ENV": "sandbox"}, {"PLAID_ENV": "", "PLAID_BASE_URL": ""}])
def test_simulator_is_used_without_a_host_or_keys(given: dict[str, str]) -> None:
    plaid = Plaid.choose(PORTS, given)
    assert (plaid.simulated, plaid.base_url, plaid.webhook_url) == (True, "http://127.0.0.1:11099", WEBHOOK)
    assert plaid.client_id
    assert plaid.secret


@pytest.mark.parametrize("name", ["sandbox", "production"])
def test_keys_and_an_environment_mean_the_real_host_without_webhooks(name: str) -> None:
    plaid = Plaid.choose(PORTS, KEYS | {"PLAID_ENV": name})
    assert (plaid.simulated, plaid.base_url, plaid.webhook_url) == (False, f"https://{name}.plaid.com", None)
    assert (plaid.client_id, plaid.secret, plaid.environment) == ("id", "secret", name)


def test_a_given_webhook_address_is_used_with_the_real_hosts() -> None:
    given = KEYS | {"PLAID_ENV": "sandbox", "WEBHOOK_URL": "https://tunnel.example/hook"}
    assert Plaid.choose(PORTS, given).webhook_url == "https://tunnel.example/hook"


def test_custom_host_replaces_the_simulator() -> None:
    plaid = Plaid.choose(PORTS, {"PLAID_BASE_URL": "http://127.0.0.1:9/"})
    assert (plaid.simulated, plaid.base_url, plaid.webhook_url) == (False, "http://127.0.0.1:9", WEBHOOK)


@pytest.mark.parametrize("given", [{"PLAID_ENV": "development"}, {"PLAID_ENV": "production"}])
def test_an_environment_that_cannot_be_used_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(StackError, match="PLAID_ENV"):
        Plaid.choose(PORTS, given)


def test_country_means_two_key_pairs_in_the_simulator() -> None:
    alone = Plaid.choose(PORTS, {})
    assert (alone.eu_client_id, alone.simulator_options()) == ("", [])
    british = Plaid.choose(PORTS, {"COUNTRY": "GB"})
    assert british.keys_of(COUNTRIES["US"]) == (alone.client_id, alone.secret)
    second = ("local-eu-client-id", "local-eu-secret")
    assert {british.keys_of(COUNTRIES[code]) for code in ("GB", "FR", "DE", "NL")} == {second}
    options = british.simulator_options()
    assert options[options.index("--eu-client-id") + 1] == "local-eu-client-id"
    own = Plaid.choose(PORTS, {"COUNTRY": "GB", "PLAID_EU_CLIENT_ID": "second", "PLAID_EU_SECRET": "its secret"})
    assert own.keys_of(COUNTRIES["FR"]) == ("second", "its secret")
    real = Plaid.choose(PORTS, KEYS | {"PLAID_ENV": "sandbox", "COUNTRY": "GB"})
    assert real.keys_of(COUNTRIES["GB"]) == ("id", "secret"), "the only pair serves all countries"


def test_stack_of_a_country_links_its_banks_with_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "keyset", lambda _: "{}")
    stack = environment.stack_environment(PORTS, Plaid.choose(PORTS, {"COUNTRY": "FR"}))
    read = Settings.read(stack | {"GCLOUD_PROJECT": "demo-bank"})
    assert (read.country_codes, read.key_pairs.has_eu) == (("FR",), True)
    stack = environment.stack_environment(PORTS, Plaid.choose(PORTS, {}))
    assert not Settings.read(stack | {"GCLOUD_PROJECT": "demo-bank"}).key_pairs.has_eu
    assert stack["PLAID_EU_SECRET"], "the functions declare it"


def test_real_credentials_and_the_home_folder_are_kept_from_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/real/key.json")
    monkeypatch.setattr(environment, "keyset", lambda _: "{}")
    stack = environment.stack_environment(PORTS, Plaid.choose(PORTS, {}))
    assert "GOOGLE_APPLICATION_CREDENTIALS" not in stack
    assert stack["HOME"].startswith(str(LOCAL))
    assert stack["METADATA_SERVER_DETECTION"] == "none"
    assert stack["PATH"].startswith(stack["JAVA_HOME"])


def test_variables_that_shells_and_other_tools_have_break_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "keyset", lambda _: "{}")
    for name, value in {"LANGUAGE": "en_US:en", "DEPLOY_REGION": "europe-west1"}.items():
        monkeypatch.setenv(name, value)
    stack = environment.stack_environment(PORTS, Plaid.choose(PORTS, {}))
    read = Settings.read(stack | {"GCLOUD_PROJECT": "demo-bank"})
    assert (read.language, read.deploy_region) == ("en", "us-central1")


def test_empty_variables_count_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "keyset", lambda _: "{}")
    for name in ("BANK_LOG_LEVEL", environment.HEAP, environment.JAVA, "RUSTUP_HOME"):
        monkeypatch.setenv(name, "")
    stack = environment.stack_environment(PORTS, Plaid.choose(PORTS, {}))
    assert stack["BANK_LOG_LEVEL"] == "INFO"
    assert stack["JAVA_TOOL_OPTIONS"].endswith("-Xmx2g")
    assert tool_environment()["RUSTUP_HOME"].startswith(str(LOCAL))


def test_options_of_java_follow_the_heap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "keyset", lambda _: "{}")
    monkeypatch.setenv(environment.HEAP, "1g")
    monkeypatch.setenv(environment.JAVA, "-Xint")
    stack = environment.stack_environment(PORTS, Plaid.choose(PORTS, {}))
    assert stack["JAVA_TOOL_OPTIONS"].endswith("-Xmx1g -Xint")


@pytest.mark.parametrize(("given", "level"), [("", "INFO"), ("warning", "WARNING")])
def test_empty_log_level_counts_as_unset(monkeypatch: pytest.MonkeyPatch, given: str, level: str) -> None:
    """A function with an empty variable would fail to load."""
    root = Mock(handlers=[], level=logging.INFO)
    with monkeypatch.context() as patch:  # pytest itself uses loggers at the end of a test
        patch.setattr(logging, "getLogger", lambda *_: root)
        patch.setattr(log, "strike_out", lambda: None)
        patch.setenv("BANK_LOG_LEVEL", given)
        assert log.configure()
    assert root.setLevel.call_args_list[0] == call(level)


def test_secrets_are_written_for_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "private"
    environment.write_private(path, "x")
    environment.write_private(path, "y")
    assert path.read_text() == "y"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_second_stack_of_the_clone_may_not_change_the_first_ones_keys(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "keyset", lambda _: "{}")
    environment.write_secrets(Plaid.choose(PORTS, {}))
    path = tmp_path / ".secret.local"
    path.write_text(path.read_text().replace(f"pid {os.getpid()}", "pid 1"))  # pid 1 always exists
    environment.write_secrets(Plaid.choose(PORTS, {}))  # the same keys are accepted
    path.write_text(path.read_text().replace(f"pid {os.getpid()}", "pid 1"))
    with pytest.raises(StackError, match=r"pid 1\b"):
        environment.write_secrets(Plaid.choose(PORTS, KEYS))


def test_stacks_that_start_at_the_same_time_in_a_fresh_clone_have_the_same_keys(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(environment, "LOCAL", tmp_path)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(environment.keyset, ["vault"] * 4))
    assert len(set(made)) == 1
