"""Plaid's legacy category taxonomy, and the legacy category of a personal finance category.

Source: plaid.com/docs/api/products/transactions/#categoriesget, and the migration table of
plaid.com/docs/transactions/pfc-migration.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

_FILE = Path(__file__).with_name("categories.txt")
_NAME = re.compile(r"(?P<name>[^\[]+?)(?: \[(?P<group>\w+)\])?")


class Category(NamedTuple):
    """One legacy category. `hierarchy` has its own name last."""

    category_id: str
    group: str
    hierarchy: list[str]


@cache
def taxonomy() -> dict[str, Category]:
    """All legacy categories by id, in Plaid's order."""
    return {category.category_id: category for category in _read(_FILE.read_text(encoding="utf-8"))}


def _read(text: str) -> Iterator[Category]:
    top = Category("", "", [])
    for line in text.splitlines():
        number, _, rest = line.partition(" ")
        if number == "#":
            continue
        name, _, leaves = rest.partition(": ")
        category = _category(number.ljust(8, "0"), name, top if len(number) > len("10") else None)
        yield category
        if category.category_id.endswith("000000"):
            top = category
        for place, leaf in enumerate(filter(None, leaves.split("; ")), 1):
            yield _category(f"{number}{place:03}", leaf, category)


def _category(category_id: str, written: str, above: Category | None) -> Category:
    found = _NAME.fullmatch(written)
    if found is None:
        raise ValueError(f"not a category: {written}")
    group = found["group"] or (above.group if above else "")
    return Category(category_id, group, [*(above.hierarchy if above else []), found["name"]])


_BY_DETAILED = {
    "BANK_FEES_OTHER_BANK_FEES": "10000000",
    "ENTERTAINMENT_MUSIC_AND_AUDIO": "18061000",
    "ENTERTAINMENT_TV_AND_MOVIES": "18061000",
    "FOOD_AND_DRINK_COFFEE": "13005043",
    "FOOD_AND_DRINK_FAST_FOOD": "13005032",
    "FOOD_AND_DRINK_GROCERIES": "19047000",
    "FOOD_AND_DRINK_RESTAURANT": "13005000",
    "GENERAL_MERCHANDISE_DISCOUNT_STORES": "19020000",
    "GENERAL_MERCHANDISE_ELECTRONICS": "19013000",
    "GENERAL_MERCHANDISE_ONLINE_MARKETPLACES": "19019000",
    "GENERAL_MERCHANDISE_SUPERSTORES": "19018000",
    "GENERAL_SERVICES_ACCOUNTING_AND_FINANCIAL_PLANNING": "18020014",
    "HOME_IMPROVEMENT_HARDWARE": "19030000",
    "INCOME_INTEREST_EARNED": "15001000",
    "INCOME_WAGES": "21009000",
    "LOAN_DISBURSEMENTS_OTHER_DISBURSEMENT": "21005000",
    "LOAN_PAYMENTS_CREDIT_CARD_PAYMENT": "16001000",
    "MEDICAL_PHARMACIES_AND_SUPPLEMENTS": "19043000",
    "PERSONAL_CARE_GYMS_AND_FITNESS_CENTERS": "17018000",
    "RENT_AND_UTILITIES_GAS_AND_ELECTRICITY": "18068000",
    "RENT_AND_UTILITIES_RENT": "16002000",
    "TRANSFER_IN_ACCOUNT_TRANSFER": "21001000",
    "TRANSFER_OUT_ACCOUNT_TRANSFER": "21001000",
    "TRANSPORTATION_GAS": "22009000",
    "TRANSPORTATION_PUBLIC_TRANSIT": "22014000",
    "TRANSPORTATION_TAXIS_AND_RIDE_SHARES": "22016000",
    "TRAVEL_FLIGHTS": "22001000",
}


def legacy_category(detailed: str) -> Category | None:
    """The legacy category of a detailed personal finance category, if it has one."""
    category_id = _BY_DETAILED.get(detailed)
    return taxonomy()[category_id] if category_id else None
