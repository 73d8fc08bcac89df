"""What Link speaks, and where it works. Source: https://plaid.com/docs/api/link/#linktokencreate"""

from collections.abc import Iterable

LANGUAGES = frozenset(
    ["da", "nl", "en", "et", "fr", "de", "hi", "it", "lv", "lt", "no", "pl", "pt", "ro", "es", "sv", "vi"]
)
COUNTRIES = frozenset(
    [
        "US",
        "GB",
        "ES",
        "NL",
        "FR",
        "IE",
        "CA",
        "DE",
        "IT",
        "PL",
        "DK",
        "NO",
        "SE",
        "EE",
        "LT",
        "LV",
        "PT",
        "BE",
        "AT",
        "FI",
    ]
)


def usable_language(wished: object) -> str | None:
    """The language as Link knows it ("en-US" is "en"), or None if it does not."""
    spoken = wished.replace("_", "-").split("-")[0].lower() if isinstance(wished, str) else None
    return spoken if spoken in LANGUAGES else None


def usable_countries(wished: object) -> tuple[str, ...] | None:
    """Those of the countries in which Link works, or None if there are none."""
    if not isinstance(wished, Iterable) or isinstance(wished, str):
        return None
    codes = (country.upper() for country in wished if isinstance(country, str))
    return tuple(dict.fromkeys(code for code in codes if code in COUNTRIES)) or None
