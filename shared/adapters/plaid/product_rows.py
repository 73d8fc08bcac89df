"""Reads the rows of products' responses: an odd optional value becomes None, an unusable row affects only itself.

A row that cannot be used keeps its stored version, so the ids of such rows are reported, too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from shared.adapters.plaid import values
from shared.adapters.plaid.values import ACCOUNT_TEXT, Oddities, Unusable
from shared.domain.products.rows import ProductRow
from shared.domain.storable import is_document_id

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one object; `odd` counts the values that are left out."""

    given: Mapping[str, Any]
    odd: Oddities

    def id(self, name: str) -> str:
        """A valid document id.

        Raises:
            Unusable: It is not one.
        """
        return values.required_id(self.given.get(name), name)

    def text(self, name: str, *, limit: int = ACCOUNT_TEXT) -> str | None:
        """A storable text, or None."""
        return values.optional_text(self.given.get(name), name, self.odd, limit=limit)

    def word(self, name: str, *, default: str) -> str:
        """A short text."""
        return self.text(name, limit=values.SHORT_TEXT) or default

    def number(self, name: str) -> str | None:
        """A number as a decimal string, exactly as sent; None if there is none."""
        return values.optional_amount(self.given.get(name), self.odd, name)

    def required_number(self, name: str) -> str:
        """A number as a decimal string.

        Raises:
            Unusable: It is not a number.
        """
        return values.required_amount(self.given.get(name), name)[0]

    def day(self, name: str) -> str | None:
        """A calendar day, or None."""
        value = self.given.get(name)
        return None if value is None else values.optional_date(value, self.odd, name)

    def required_day(self, name: str) -> str:
        """A calendar day.

        Raises:
            Unusable: It is not one.
        """
        return values.required_date(self.given.get(name), name)

    def flag(self, name: str) -> bool | None:
        """A truth value, or None."""
        value = self.given.get(name)
        self.odd[name] += value is not None and not isinstance(value, bool)
        return value if isinstance(value, bool) else None

    def part(self, name: str) -> "Fields":
        """The fields of an object in this one; none if there is no such object."""
        value = self.given.get(name)
        self.odd[name] += value is not None and not isinstance(value, Mapping)
        return Fields(value if isinstance(value, Mapping) else {}, self.odd)

    def currency(self) -> str | None:
        """The ISO code, or else the unofficial one, such as that of a cryptocurrency."""
        return self.text("iso_currency_code") or self.text("unofficial_currency_code")


@dataclass(slots=True)
class Rows(Generic[Made]):
    """The usable rows of a response, and what is known of the others."""

    made: list[Made] = field(default_factory=list)
    unreadable: set[str] = field(default_factory=set)
    nameless: int = 0
    odd: Oddities = field(default_factory=Oddities)

    def read(self, given: object, make: Callable[[Fields], Made], *, id_of: Callable[[Mapping[str, Any]], Any]) -> None:
        """Reads a list.

        Args:
            given: The list.
            make: Makes the value of a row; raises Unusable if it lacks a required value.
            id_of: The id of a row's document as far as it can be known: of any type, and valid or not.

        Raises:
            Unusable: It is no list.
        """
        if not isinstance(given, list):
            raise Unusable("the rows are not a list")
        for one in given:
            try:
                self.made.append(make(Fields(one, self.odd)))
            except (Unusable, AttributeError, ArithmeticError) as error:
                self.odd[error.field if isinstance(error, Unusable) else "row"] += 1
                self._note(id_of(one) if isinstance(one, Mapping) else None)

    def _note(self, row_id: object) -> None:
        if is_document_id(row_id):
            self.unreadable.add(str(row_id))
        elif not isinstance(row_id, str) or not row_id:
            self.nameless += 1  # else it has an id under which nothing can be stored


def as_rows(found: Rows[Made], row_of: Callable[[Made], ProductRow]) -> tuple[ProductRow, ...]:
    """The rows to be stored. If an id comes twice, the last usable row counts."""
    rows = {row.row_id: row for row in map(row_of, found.made)}
    found.unreadable -= rows.keys()
    return tuple(rows.values())
