"""The texts of notifications and push messages: complete in every language, and written as each region writes."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from string import Formatter
from typing import Any

import pytest

from shared.domain import push
from shared.domain.kept_note import note_kept
from shared.domain.locales import LANGUAGES, Locale, isolated
from shared.domain.notification import A_BANK, TEXTS, Notification, NotificationKind, notification

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WORDS: dict[str, Any] = {"day": date(2026, 3, 8), "label": "Coffee 3.50", "notes": ("mine",), "moved": 3, "archived": 2}
INFORMAL = {
    "fr": r"\b(tu|toi|ton|ta|tes|te|t’\w+)\b",
    "de": r"\b(du|dich|dir|dein\w*|euch|euer|eure\w*)\b",
}
FSI, PDI = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"


def written(kind: NotificationKind, language: object, *, bank: str | None = "First", **words: Any) -> Notification:
    return notification(
        kind, event_id="1", connection_id="c", bank=bank, language=language, now=NOW, **{**WORDS, **words}
    )


def placeholders(texts: tuple[str, str]) -> set[str]:
    return {name for text in texts for _, name, _, _ in Formatter().parse(text) if name}


def all_texts(language: str) -> dict[str, tuple[str, str]]:
    """Every title and body of a language, by its name."""
    pushes = {"attention": push._ATTENTION[language], "news": push._NEWS[language]}
    return {str(kind): TEXTS[kind][language] for kind in NotificationKind} | pushes


def test_the_languages_are_those_that_the_web_app_has() -> None:
    assert set(LANGUAGES) == {"en", "es", "fr", "de"}
    named = [set(texts) for texts in (*TEXTS.values(), push._ATTENTION, push._NEWS)]
    assert all(languages == set(LANGUAGES) for languages in (*named, set(A_BANK)))


@pytest.mark.parametrize("kind", NotificationKind)
def test_every_notification_has_the_same_placeholders_in_every_language(kind: NotificationKind) -> None:
    for language in LANGUAGES:
        assert placeholders(TEXTS[kind][language]) == placeholders(TEXTS[kind]["en"]), language
        message = written(kind, language)
        assert "{" not in message.title + message.body


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_left_in_another_language(language: str) -> None:
    for other in LANGUAGES:
        same = {name for name, texts in all_texts(language).items() if set(texts) & set(all_texts(other)[name])}
        assert other == language or not same, other


@pytest.mark.parametrize("language", INFORMAL)
def test_french_and_german_address_the_user_formally(language: str) -> None:
    for name, texts in all_texts(language).items():
        assert not re.search(INFORMAL[language], " ".join(texts), re.IGNORECASE), name


def test_unsupported_language_falls_back_to_english_and_unnamed_bank_to_your_bank() -> None:
    for language in ("fi", "english", "", None, 7, ["de"]):
        assert written(NotificationKind.REPAIRED, language, bank=None).title == "Your bank is working again"
    assert written(NotificationKind.REPAIRED, "de_AT", bank=None).title == "Ihre Bank funktioniert wieder"


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("en", "March 8, 2026"),
        ("en-GB", "8 March 2026"),
        ("es", "8 de marzo de 2026"),
        ("fr-CA", "8 mars 2026"),
        ("de-CH", "8. März 2026"),
        ("fi", "March 8, 2026"),
    ],
)
def test_a_day_is_written_as_the_region_of_the_user_writes_it(language: str, shown: str) -> None:
    assert shown in written(NotificationKind.EXPIRING, language).body


def test_the_number_of_notes_is_written_as_the_region_of_the_user_writes_it() -> None:
    moved = {language: written(NotificationKind.HISTORY_MOVED, language, moved=12345).body for language in LANGUAGES}
    assert "12,345" in moved["en"]
    assert "12.345" in moved["es"]
    assert "12.345" in moved["de"]
    assert "12\N{NARROW NO-BREAK SPACE}345" in moved["fr"]


def test_the_first_day_of_a_month_is_an_ordinal_in_french_only() -> None:
    assert [Locale.of(one).day(date(2026, 1, 1)) for one in ("fr", "de", "de-AT")] == [
        "1er janvier 2026",
        "1. Januar 2026",
        "1. Jänner 2026",
    ]


def test_a_right_to_left_name_is_isolated_from_the_sentence() -> None:
    for bank in ("בנק הפועלים", "بنك ١٢٣"):
        message = written(NotificationKind.REPAIRED, "en", bank=bank)
        assert message.title == f"{FSI}{bank}{PDI} is working again"
    assert written(NotificationKind.REPAIRED, "en", bank="Crédit & Co. 1").title == "Crédit & Co. 1 is working again"


def test_directional_controls_in_a_name_have_no_effect_beyond_it() -> None:
    assert isolated("\u202eevil\u2069") == "evil"
    assert isolated("\u2069בנק\u202e 5") == f"{FSI}בנק 5{PDI}"


def test_each_saved_note_is_isolated_on_its_own() -> None:
    notes = {"note": "הערה", "category": "mine", "tags": ["תג"]}
    message = note_kept(connection_id="c", transaction_id="t", label="قهوة 3.50", notes=notes, bank="First", now=NOW)
    assert message is not None
    assert message.body == (
        f"First removed {FSI}قهوة 3.50{PDI}. We saved your notes: {FSI}הערה{PDI} · mine · {FSI}#תג{PDI}"
    )
