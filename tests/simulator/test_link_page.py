"""Link in a real browser, operated as a user does."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from emulators.setup import installed_browser

from .harness import Linked, Sim
from .test_requests import LINK

Json = dict[str, Any]
APP = """<!doctype html><html lang="en"><title>An app</title><body>
<script src="SIMULATOR/link/v2/stable/link-initialize.js"></script>
<script>
  window.calls = [];
  const back = new URLSearchParams(location.search).has("oauth_state_id");
  const note = (name) => (...args) => window.calls.push([name, ...args]);
  window.start = (token) => {
    sessionStorage.setItem("token", token);
    window.handler = Plaid.create({
      token, onSuccess: note("success"), onExit: note("exit"), onEvent: note("event"), onLoad: note("load"),
      receivedRedirectUri: back ? location.href : undefined,
    });
    handler.open();
  };
  if (back) start(sessionStorage.getItem("token"));
</script>"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=installed_browser(), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def app(sim: Sim, tmp_path: Path) -> Iterator[str]:
    """An application's page, on another origin than the simulator."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

    (tmp_path / "index.html").write_text(APP.replace("SIMULATOR", sim.url))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(browser: Any, app: str) -> Iterator[Any]:
    problems: list[str] = []
    opened = browser.new_page()
    opened.set_default_timeout(10_000)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto(app)
    yield opened
    opened.close()
    assert problems == []


@pytest.fixture
def start(sim: Sim, page: Any) -> Callable[..., Any]:
    """Open Link and return its frame."""

    def opened(**fields: Any) -> Any:
        token = sim.call("/link/token/create", **{**LINK, **fields})["link_token"]
        page.evaluate("token => start(token)", token)
        return page.frame_locator("iframe")

    return opened


def outcome(page: Any, name: str) -> Any:
    """The arguments of a callback, once it was called."""
    page.wait_for_function("name => calls.some(call => call[0] === name)", arg=name)
    return page.evaluate("name => calls.find(call => call[0] === name).slice(1)", name)


def names(page: Any) -> list[str]:
    return [call[1] for call in page.evaluate("calls") if call[0] == "event"]


def log_in(link: Any, username: str = "user_good", password: str = "pass_good") -> None:
    link.locator("#username").fill(username)
    link.locator("#password").fill(password)
    link.locator("#submit").click()


def test_a_user_connects_a_bank_and_chooses_accounts(sim: Sim, page: Any, start: Callable[..., Any]) -> None:
    link = start()
    link.locator("#continue").click()
    link.locator("#search").fill("platypus bank")
    link.get_by_role("button", name="First Platypus Bank", exact=True).click()
    log_in(link)
    link.get_by_label("Plaid Saving").uncheck()
    link.locator("#share").click()
    public_token, metadata = outcome(page, "success")
    assert metadata["institution"] == {"institution_id": "ins_109508", "name": "First Platypus Bank"}
    assert len(metadata["accounts"]) == 13
    done = sim.call("/item/public_token/exchange", public_token=public_token)
    item = Linked(sim, done["item_id"], done["access_token"])
    assert item.account_ids() == [account["id"] for account in metadata["accounts"]]
    assert page.locator("iframe").is_hidden()
    reported = [name for name in names(page) if name != "TRANSITION_VIEW"]
    assert reported == ["OPEN", "SELECT_INSTITUTION", "SUBMIT_CREDENTIALS", "HANDOFF"]
    assert outcome(page, "load") == []


def test_login_form_is_prefilled_for_the_expected_user(sim: Sim, page: Any, start: Callable[..., Any]) -> None:
    generated = json.dumps({"transactions": 7, "seed": 1})
    sim.control("/settings", username="user_generated", password=generated)
    try:
        link = start()
        link.locator("#continue").click()
        link.get_by_role("button", name="First Platypus Bank", exact=True).click()
        link.locator("#submit").click()
        link.locator("#share").click()
        by_hand = outcome(page, "success")[0]
        token = sim.call("/link/token/create", **LINK)["link_token"]
        in_one_call = sim.control(f"/link/{token}/finish")["public_token"]
    finally:
        sim.control("/settings", username=None, password=None)
    for public_token in (by_hand, in_one_call):
        done = sim.call("/item/public_token/exchange", public_token=public_token)
        sim.advance(60)
        truth = sim.look(f"/items/{done['item_id']}/truth")
        assert len(truth["transactions"]) == 7


def test_wrong_password_is_shown_and_leaving_reports_the_error(page: Any, start: Callable[..., Any]) -> None:
    link = start()
    link.locator("#continue").click()
    link.get_by_role("button", name="Tartan Bank", exact=True).click()
    log_in(link, password="wrong")
    link.get_by_role("alert").get_by_text("not correct").wait_for()
    link.get_by_label("Close").click()
    error, metadata = outcome(page, "exit")
    assert (error["error_type"], error["error_code"]) == ("ITEM_ERROR", "INVALID_CREDENTIALS")
    assert metadata["status"] == "requires_credentials"
    assert metadata["institution"]["name"] == "Tartan Bank"


def test_leaving_immediately_is_no_error(page: Any, start: Callable[..., Any]) -> None:
    start().locator("#close").click()
    error, metadata = outcome(page, "exit")
    assert error is None
    assert metadata["link_session_id"]


def test_a_click_before_the_script_of_the_page_has_loaded_is_not_lost(page: Any, start: Callable[..., Any]) -> None:
    held: list[Any] = []
    page.route("**/link.js", lambda route: held.append(route))
    close = start().get_by_label("Close")
    close.wait_for(state="attached")
    assert not close.is_visible()  # a button that can be clicked now has no listener
    held[0].continue_()
    close.click()
    assert outcome(page, "exit")[0] is None


def test_update_mode_repairs_the_item(sim: Sim, page: Any, start: Callable[..., Any]) -> None:
    item = sim.link()
    item.call("/sandbox/item/reset_login")
    link = start(access_token=item.access_token, products=None)
    link.get_by_text("Log in at First Platypus Bank").wait_for()
    log_in(link)
    outcome(page, "success")
    assert item.call("/item/get")["item"]["error"] is None


def test_update_mode_with_account_selection_adds_an_account(sim: Sim, page: Any, start: Callable[..., Any]) -> None:
    item = sim.link()
    item.control("accounts", offer=[{"type": "depository", "meta": {"name": "Brand new"}}])
    link = start(access_token=item.access_token, products=None, update={"account_selection_enabled": True})
    log_in(link)
    link.get_by_label("Brand new").wait_for()
    link.locator("#share").click()
    outcome(page, "success")
    assert len(item.account_ids()) == 15


def test_oauth_bank_redirects_and_returns(sim: Sim, page: Any, app: str, start: Callable[..., Any]) -> None:
    link = start(redirect_uri=app)
    link.locator("#continue").click()
    link.get_by_role("button", name="Platypus OAuth Bank", exact=True).click()
    log_in(link)
    page.wait_for_url("**/?oauth_state_id=*")
    page.frame_locator("iframe").locator("#share").click()
    public_token, _ = outcome(page, "success")
    assert sim.call("/item/public_token/exchange", public_token=public_token)["item_id"]


def test_an_expired_link_token_shows_an_error(sim: Sim, page: Any) -> None:
    page.evaluate("token => start(token)", "link-sandbox-nonsense")
    page.frame_locator("iframe").locator("#leave").click()
    error, _ = outcome(page, "exit")
    assert error["error_code"] == "INVALID_LINK_TOKEN"


def test_the_app_can_close_and_destroy_link(page: Any, start: Callable[..., Any]) -> None:
    start().locator("#continue").wait_for()
    page.evaluate("handler.exit({force: true})")
    assert outcome(page, "exit")[0] is None
    page.evaluate("handler.destroy()")
    assert page.locator("iframe").count() == 0


def test_hosted_link_is_a_separate_page(sim: Sim, page: Any) -> None:
    made = sim.call("/link/token/create", **LINK, hosted_link={})
    page.goto(made["hosted_link_url"])
    page.locator("#continue").click()
    page.get_by_role("button", name="Houndstooth Bank", exact=True).click()
    log_in(page)
    page.locator("#share").click()
    page.get_by_text("You can close this page").wait_for()
    [session] = sim.call("/link/token/get", link_token=made["link_token"])["link_sessions"]
    assert session["results"]["item_add_results"][0]["institution"]["name"] == "Houndstooth Bank"


def test_the_script_is_served_where_plaid_serves_it(sim: Sim) -> None:
    answer = sim.http.get(f"{sim.url}/link/v2/stable/link-initialize.js")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert sim.http.get(f"{sim.url}/link/v2/stable/secrets.py").status_code == 404
