"""How users of a language and region write days and numbers, and how text of a bank is kept apart from a sentence.

The forms are those of the Unicode CLDR, which browsers use, too: https://cldr.unicode.org
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Self

DEFAULT_LANGUAGE = "en"

_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
}
_DAYS = {
    "en": "{month} {day}, {year}",
    "es": "{day} de {month} de {year}",
    "fr": "{day} {month} {year}",
    "de": "{day}. {month} {year}",
}
_MONTH_FIRST = frozenset(["", "US", "CA", "AS", "GU", "MH", "MP", "PH", "PR", "UM", "VI"])  # English elsewhere: 8 March
_THOUSANDS = {"en": ",", "es": ".", "fr": "\u202f", "de": "."}
_THOUSANDS_OF_REGION = {
    "fr-CA": "\u00a0",
    "de-AT": "\u00a0",
    "de-CH": "’",
    "de-LI": "’",
    "es-MX": ",",
    "es-US": ",",
}
LANGUAGES = tuple(_MONTHS)
"""The languages of the texts for users."""

# Unclosed directional controls would change the order of the text around them: https://www.unicode.org/reports/tr9/
_CONTROLS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_ISOLATE, _END = "\u2068", "\u2069"


@dataclass(frozen=True, slots=True)
class Locale:
    """A language of the texts, and the user's region if it is known."""

    language: str
    region: str = ""

    @classmethod
    def of(cls, wished: object) -> Self:
        """The locale for a language tag such as "fr-CA"; English if there are no texts in its language."""
        spoken, *parts = wished.replace("_", "-").split("-") if isinstance(wished, str) else [""]
        if spoken.lower() not in LANGUAGES:
            return cls(DEFAULT_LANGUAGE)
        return cls(spoken.lower(), next((part.upper() for part in parts if re.fullmatch("[A-Za-z]{2}", part)), ""))

    def day(self, day: date) -> str:
        """A day with its month's name and its year."""
        form, number = _DAYS[self.language], str(day.day)
        month = _MONTHS[self.language].split()[day.month - 1]
        if self.language == "en" and self.region not in _MONTH_FIRST:
            form = "{day} {month} {year}"
        if self.language == "fr" and day.day == 1:
            number = "1er"
        if (self.language, self.region, day.month) == ("de", "AT", 1):
            month = "Jänner"
        return form.format(day=number, month=month, year=day.year)

    def number(self, number: int) -> str:
        """A whole number, with its thousands grouped."""
        separator = _THOUSANDS_OF_REGION.get(f"{self.language}-{self.region}", _THOUSANDS[self.language])
        # Spain does not group four digits: https://www.rae.es/dpd/números
        is_short = self.language == "es" and self.region in ("", "ES") and abs(number) < 10_000
        return str(number) if is_short else f"{number:,}".replace(",", separator)


def isolated(text: str) -> str:
    """A name from a bank or user for use inside a sentence.

    Right-to-left text would change the order of the words and numbers next to it, so it is isolated from them. Other
    text stays as it is.
    """
    plain = _CONTROLS.sub("", text)
    is_right_to_left = any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in plain)
    return f"{_ISOLATE}{plain}{_END}" if is_right_to_left else plain
