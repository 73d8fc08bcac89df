"""The texts of the app: complete in every language, with the same placeholders and plural forms."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from functions.exchange_public_token import ROUTE
from shared.domain import locales
from tests.domain.test_texts import INFORMAL
from tests.web.library import Library, client_library

OTHERS = ("es", "fr", "de")
# Texts that are the same in English and in another language. Any other equal text was not translated.
SAME = {
    "es": {
        "OmniButler",
        "Total",
        "Irregular",
        "variable",
        "Pay As You Earn",
        "Revised Pay As You Earn",
        "Saving on a Valuable Education",
    },
    "fr": {
        *("OmniButler", "Notifications", "Date", "Note", "Total", "Source", "Positions", "Standard", "variable"),
        *("Pay As You Earn", "Revised Pay As You Earn", "Saving on a Valuable Education", "Services"),
    },
    "de": {
        *("OmniButler", "Name", "System", "Website", "Standard"),
        *("Pay As You Earn", "Revised Pay As You Earn", "Saving on a Valuable Education"),
    },
}
# Every text by its path. A function is called with numbers, some of them null, and its plural rules are watched.
TEXTS = """(async () => {
  globalThis.document = { documentElement: {} };
  navigator.languages = [LANGUAGE];
  const select = Intl.PluralRules.prototype.select;
  const counted = [];
  Intl.PluralRules.prototype.select = function (count) { counted.push(count); return select.call(this, count); };
  const few = [[0, 7, 8], [1, 7, 8], [2, 7, 8], [7, 1, 8], [7, 8, 1], [7, null, 8]];
  const ARGUMENTS = [...few, [60], [61], [12345, 54321, 77777]];
  const said = (text, given) => {
    counted.length = 0;
    return { given, shown: String(text(...given)), counted: [...counted] };
  };
  const found = {};
  const walk = (path, text) => {
    if (typeof text === "string") found[path] = text;
    else if (typeof text === "function") found[path] = ARGUMENTS.map((all) => said(text, all.slice(0, text.length)));
    else for (const [name, inner] of Object.entries(text)) walk(`${path}.${name}`, inner);
  };
  walk("", LOADED);
  Intl.PluralRules.prototype.select = select;
  return found;
})()"""
Texts = dict[str, Any]


@pytest.fixture(scope="module")
def library() -> Iterator[Library]:
    with client_library() as running:
        yield running


@pytest.fixture(scope="module")
def texts(library: Library) -> dict[str, Texts]:
    """All texts of all languages."""
    return {
        one: texts_in(library, one, "language.tsx", f"await loadTexts('{one}')")
        | texts_in(library, one, "outage.ts", f"{{ outage: OUTAGE.{one} }}")
        for one in ("en", *OTHERS)
    }


def texts_in(library: Library, language: str, file: str, loaded: str) -> Texts:
    found: Texts = library(f"../text/{file}", TEXTS.replace("LANGUAGE", f"'{language}'").replace("LOADED", loaded))
    return found


@pytest.mark.parametrize("language", ["en", *OTHERS])
def test_every_refusal_of_an_exchange_has_a_text(language: str, texts: dict[str, Texts]) -> None:
    codes = {*ROUTE.errors} - {"exchange_not_started"}  # only among several items, which the app does not send
    assert [code for code in codes if f".errors.{code}" not in texts[language]] == []


def sentences(texts: Texts) -> dict[str, list[str]]:
    return {path: [text] if isinstance(text, str) else [one["shown"] for one in text] for path, text in texts.items()}


def numbers_in(text: str) -> list[str]:
    """The numbers that a text contains, without the signs that group their digits."""
    return sorted(re.findall(r"\d+|null", re.sub(r"(?<=\d)[.,\s’](?=\d{3})", "", text)))


def test_the_app_and_the_backend_have_the_same_languages(library: Library) -> None:
    assert set(library("../text/language.tsx", "Object.keys(LANGUAGES)")) == set(locales.LANGUAGES)


@pytest.mark.parametrize("language", OTHERS)
def test_no_language_lacks_a_text(language: str, texts: dict[str, Texts]) -> None:
    assert set(texts[language]) == set(texts["en"])
    for path, shown in sentences(texts[language]).items():
        assert all(one.strip() for one in shown), path


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_shows_the_same_placeholders(language: str, texts: dict[str, Texts]) -> None:
    english = sentences(texts["en"])
    for path, shown in sentences(texts[language]).items():
        assert list(map(numbers_in, shown)) == list(map(numbers_in, english[path])), path


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_has_plural_forms_for_the_same_counts(language: str, texts: dict[str, Texts]) -> None:
    for path, calls in texts[language].items():
        if not isinstance(calls, str):
            assert [one["counted"] for one in calls] == [one["counted"] for one in texts["en"][path]], path


@pytest.mark.parametrize(("language", "grouped"), [("es", "12.345"), ("fr", "12\u202f345"), ("de", "12.345")])
def test_every_language_groups_the_digits_of_the_same_numbers(
    language: str, grouped: str, texts: dict[str, Texts]
) -> None:
    english = sentences(texts["en"])
    for path, shown in sentences(texts[language]).items():
        assert [grouped in one for one in shown] == ["12,345" in one for one in english[path]], path


@pytest.mark.parametrize("language", OTHERS)
def test_no_text_was_left_in_english(language: str, texts: dict[str, Texts]) -> None:
    english = texts["en"]
    same = {text for path, text in texts[language].items() if isinstance(text, str) and text == english[path]}
    assert same == SAME[language]


@pytest.mark.parametrize("language", INFORMAL)
def test_french_and_german_address_the_user_formally(language: str, texts: dict[str, Texts]) -> None:
    for path, shown in sentences(texts[language]).items():
        assert not re.search(INFORMAL[language], " ".join(shown), re.IGNORECASE), path


def test_french_signs_do_not_begin_a_line(texts: dict[str, Texts]) -> None:
    for path, shown in sentences(texts["fr"]).items():
        assert not re.search(r" [:;?!»]", " ".join(shown)), path


def test_a_count_has_the_plural_form_of_its_language(texts: dict[str, Texts]) -> None:
    found = {one: [call["shown"] for call in texts[one][".connection.moved"][:3]] for one in texts}
    assert [shown.split(" ")[1] for shown in found["en"]] == ["notes", "note", "notes"]
    assert [shown.split(" ")[1] for shown in found["fr"]] == ["note", "note", "notes"]
    assert [shown.split(" ")[1] for shown in found["de"]] == ["Notizen", "Notiz", "Notizen"]


@pytest.mark.parametrize(
    ("browser", "chosen", "language", "tag"),
    [
        (["fr-CA", "fr", "en-US"], None, "fr", "fr-CA"),
        (["de-AT"], None, "de", "de-AT"),
        (["de", "de-CH"], None, "de", "de-CH"),
        (["en-GB"], None, "en", "en-GB"),
        (["nl-NL", "fr-BE"], None, "fr", "fr-BE"),
        (["fil-PH", "frr-DE"], None, "en", "en"),
        (["de-AT", "en-GB"], "en", "en", "en-GB"),
        (["de-AT"], "fr", "fr", "fr"),
        (["de-AT"], "toString", "de", "de-AT"),
    ],
)
def test_a_language_is_chosen_and_its_region_decides_the_formats(
    browser: list[str], chosen: str | None, language: str, tag: str, library: Library
) -> None:
    found = library(
        "../text/language.tsx",
        f"""(() => {{
          navigator.languages = {json.dumps(browser)};
          globalThis.localStorage = {{ getItem: () => {json.dumps(chosen)} }};
          const language = preferredLanguage();
          return [language, tagOf(language)];
        }})()""",
    )
    assert found == [language, tag]


def test_the_texts_write_numbers_as_the_region_does(library: Library) -> None:
    shown = """(async () => {
      globalThis.document = { documentElement: {} };
      navigator.languages = ["de-CH"];
      const { transactions } = await loadTexts("de");
      return [transactions.found(12345, false), document.documentElement.lang];
    })()"""
    found, lang = library("../text/language.tsx", shown)
    assert found.replace("'", "’") == "12’345 Umsätze"
    assert lang == "de-CH"


def test_a_moment_ago_and_days_are_written_in_every_language(library: Library) -> None:
    now = "relative(new Date(0), 20_000, '{}')"
    found = [library("../text/language.tsx", now.format(one)) for one in ("en-GB", "es", "fr-CA", "de-AT")]
    assert found == ["just now", "ahora mismo", "à l’instant", "gerade eben"]
    for tag, day, shown in (
        ("en", "2025-03-01", "March 1, 2025"),
        ("en-GB", "2025-03-01", "1 March 2025"),
        ("de-AT", "2025-01-01", "1. Jänner 2025"),
        ("fr", "2025-03-01", "1er mars 2025"),
        ("fr", "2025-03-11", "11 mars 2025"),
    ):
        assert library("../text/language.tsx", f"longDay(dayOf('{day}'), '{tag}')") == shown


def test_only_right_to_left_text_is_isolated_and_controls_are_removed(library: Library) -> None:
    for text, shown in (
        ("Crédit & Co. 1 · 日本", "Crédit & Co. 1 · 日本"),
        ("בנק 1", "\u2068בנק 1\u2069"),
        ("بنك", "\u2068بنك\u2069"),
        ("\u202eevil\u2069", "evil"),
        ("\u2069בנק\u202e", "\u2068בנק\u2069"),
    ):
        assert library("../text/isolated.ts", f"isolated({json.dumps(text)})") == shown
        assert locales.isolated(text) == shown, "the backend does the same"
