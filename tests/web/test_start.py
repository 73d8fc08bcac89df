"""How the app starts: with its configuration, without it, and with App Check."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import unquote

from playwright.sync_api import Route, expect

from tests.web.person import Person, violations, wait_until

LANGUAGE = re.compile(r'"language":\{"stringValue":"([\w-]+)"\}')  # in what the page sends to Firestore
CAPTCHA = """
const render = (_, { callback }) => callback();
window.grecaptcha = { enterprise: { ready: (go) => go(), render, execute: async () => "a captcha" } };
"""


def test_without_its_configuration_the_page_says_so(person: Callable[..., Person]) -> None:
    ann = person()
    ann.forgiven.append("503")
    ann.page.route("**/config.json", lambda route: route.fulfill(status=503))
    ann.go()
    expect(ann.page.get_by_role("alert")).to_contain_text("Our service is not responding")
    assert violations(ann.page) == []
    ann.page.unroute("**/config.json")
    ann.page.get_by_role("button", name="Try again").click()
    expect(ann.page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_browser_that_blocks_storage_shows_the_page(person: Callable[..., Person]) -> None:
    ann = person()
    ann.page.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('refused'); } })")
    ann.go()
    ann.page.get_by_label("Language").select_option("es")
    expect(ann.page.get_by_role("heading", name="Iniciar sesión")).to_be_visible()


def test_without_its_texts_the_page_shows_an_error(person: Callable[..., Person]) -> None:
    eva = person(locale="es-ES")
    eva.forgiven.append("Failed to load resource")
    eva.page.route("**/assets/es-*.js", lambda route: route.abort())
    eva.go()
    expect(eva.page.get_by_role("heading", name="No se pudo cargar la página.")).to_be_visible()
    assert violations(eva.page) == []
    eva.page.unroute("**/assets/es-*.js")
    eva.page.get_by_role("button", name="Intentar de nuevo").click()
    expect(eva.page.get_by_role("heading", name="Iniciar sesión")).to_be_visible()


def test_with_a_site_key_every_call_carries_the_token_of_app_check(person: Callable[..., Person]) -> None:
    ann = person()
    page = ann.page

    def configured(route: Route) -> None:
        config = route.fetch().json()
        config["firebase"]["appId"] = "1:2:web:3"
        route.fulfill(body=json.dumps({**config, "app_check_site_key": "site-key"}))

    headers = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*"}
    token = "e30.eyJzdWIiOiJhcHAiLCJleHAiOjQwMDAwMDAwMDAsImlhdCI6MH0.c2lnbmF0dXJl"
    page.route("**/config.json", configured)
    page.route("https://www.google.com/recaptcha/**", lambda route: route.fulfill(body=CAPTCHA))
    page.route(
        "https://content-firebaseappcheck.googleapis.com/**",
        lambda route: route.fulfill(headers=headers, body=json.dumps({"token": token, "ttl": "3600s"})),
    )
    asked: list[str | None] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.headers.get("x-firebase-appcheck"))
        route.abort()

    page.route("**/create_link_token", refuse)
    ann.forgiven.append("Failed to load resource")
    ann.sign_up()
    page.get_by_role("button", name="Connect a bank").click()
    expect(page.locator(".toast.bad")).to_be_visible()
    assert asked == [token]


def test_the_language_of_a_user_who_never_chose_one_is_stored_once(person: Callable[..., Person]) -> None:
    eva = person(locale="es-ES")
    page = eva.page
    eva.page.add_init_script("localStorage.setItem('language', localStorage.getItem('language') ?? 'en')")
    eva.sign_up()
    eva.open("Settings")
    document = f"users/{eva.uid()}"
    eva.wait_until_stored(document, {"language": "en"})
    page.evaluate("localStorage.setItem('language', 'es')")
    written: list[str] = []
    page.on("request", lambda request: written.extend(LANGUAGE.findall(unquote(request.post_data or ""))))
    page.reload()
    expect(page.get_by_role("heading", name="Ajustes")).to_be_visible()
    wait_until(page, "window.bankReads?.profile >= 1")
    assert eva.admin().get(document) == {"language": "en"}  # perhaps chosen on another device
    # Writes keep their order: from now on, only the user's choice is written.
    page.get_by_label("Idioma").select_option("en")
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    page.get_by_label("Language").select_option("es")
    eva.wait_until_stored(document, {"language": "es-ES"})
    assert written == ["en", "es-ES"]
