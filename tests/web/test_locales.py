"""The backend writes days and numbers as a browser does, whose forms are those of the Unicode CLDR."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from shared.domain.locales import Locale
from tests.web.library import Library, client_library

# The languages of the texts, in the countries where the backend connects banks and in some of their neighbours.
LOCALES = (
    *("en", "en-US", "en-CA", "en-GB", "en-IE", "es", "es-ES", "es-US", "es-MX"),
    *("fr", "fr-FR", "fr-CA", "fr-BE", "fr-CH", "de", "de-DE", "de-AT", "de-BE", "de-CH"),
)
LONG = '{ day: "numeric", month: "long", year: "numeric", timeZone: "UTC" }'


@pytest.fixture(scope="module")
def library() -> Iterator[Library]:
    with client_library() as running:
        yield running


@pytest.mark.parametrize("tag", LOCALES)
def test_a_day_is_written_as_in_a_browser(tag: str, library: Library) -> None:
    for month in range(1, 13):
        shown = library("money.ts", f"new Date('2026-{month:02}-08').toLocaleDateString('{tag}', {LONG})")
        assert Locale.of(tag).day(date(2026, month, 8)) == shown


@pytest.mark.parametrize("tag", LOCALES)
def test_a_number_is_written_as_in_a_browser(tag: str, library: Library) -> None:
    for number in (0, 999, 1234, 12345, 1234567):
        shown = library("money.ts", f"new Intl.NumberFormat('{tag}').format({number})").replace("'", "’")
        assert Locale.of(tag).number(number) == shown  # CLDR has replaced the straight apostrophe of Switzerland
