"""COUNTRY of `make demo` and `make dev`: the bank, the person, and Plaid's two key pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from emulators.ports import StackError

FIRST_PLATYPUS = {"institution_id": "ins_109508", "name": "First Platypus Bank"}


@dataclass(frozen=True)
class Country:
    """A country's bank in the simulator, and its test user; None: Plaid's `user_good`."""

    code: str
    institution_id: str
    name: str
    username: str | None = None

    @property
    def institution(self) -> dict[str, str]:
        """The institution as Link's onSuccess names it."""
        return {"institution_id": self.institution_id, "name": self.name}

    @property
    def is_in_america(self) -> bool:
        """Whether the first key pair serves it even if there are two."""
        return self.code in ("US", "CA")


COUNTRIES = {
    country.code: country
    for country in (
        Country("US", FIRST_PLATYPUS["institution_id"], FIRST_PLATYPUS["name"]),
        Country("CA", "ins_43", "Tartan-Dominion Bank of Canada", "user_ca"),
        Country("GB", "ins_117650", "Royal Bank of Plaid", "user_gb"),
        Country("FR", "ins_900033", "Banque Ornithorynque", "user_fr"),
        Country("DE", "ins_900049", "Schnabeltier Bank", "user_de"),
        Country("NL", "ins_900031", "Vogelbekdier Bank", "user_nl"),
    )
}


def chosen_country(given: Mapping[str, str]) -> Country | None:
    """The country of COUNTRY; None if it is not set."""
    code = given.get("COUNTRY", "").strip().upper()
    if code and code not in COUNTRIES:
        raise StackError(f"COUNTRY must be one of {', '.join(COUNTRIES)}, not {code!r}.")
    return COUNTRIES[code] if code else None
