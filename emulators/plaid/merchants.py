"""The merchants of generated histories: their bookings, and how Plaid enriches them.

Source for the enrichment's fields and the category names: plaid.com/docs/api/products/transactions and the
personal finance category taxonomy linked there.
"""

from dataclasses import dataclass
from typing import Any

from emulators.plaid.ids import derive
from emulators.plaid.wire import words

ICONS = "https://plaid-category-icons.plaid.com"
LOGOS = "https://plaid-merchant-logos.plaid.com"


@dataclass(frozen=True)
class Merchant:
    """A counterparty. `low` and `high` bound its amounts in cents; negative amounts are income."""

    booking: str
    name: str | None
    category: str
    channel: str = "in store"
    low: int = 500
    high: int = 9000
    website: str | None = None
    kind: str = "merchant"
    city: tuple[str, str] | None = None

    @property
    def primary(self) -> str:
        return next(primary for primary in PRIMARIES if self.category.startswith(primary))

    def enrichment(self, confidence: str = "VERY_HIGH") -> dict[str, Any]:
        """The fields of a transaction for the counterparty and the category."""
        logo = f"{LOGOS}/{derive(self.name)[:8].lower()}_1000.png" if self.website and self.name else None
        entity = derive("merchant", self.name) if self.website and self.name else None
        counterparty = {
            "name": self.name,
            "type": self.kind,
            "website": self.website,
            "logo_url": logo,
            "confidence_level": confidence,
            "entity_id": entity,
        }
        return {
            "merchant_name": self.name if self.kind == "merchant" else None,
            "merchant_entity_id": entity,
            "logo_url": logo,
            "website": self.website,
            "counterparties": [counterparty] if self.name else [],
            "payment_channel": self.channel,
            "personal_finance_category": {
                "primary": self.primary,
                "detailed": self.category,
                "confidence_level": confidence,
                "version": "v2",
            },
            "personal_finance_category_icon_url": f"{ICONS}/PFC_{self.primary}.png",
        }


PRIMARIES = words(
    "INCOME LOAN_DISBURSEMENTS LOAN_PAYMENTS TRANSFER_IN TRANSFER_OUT BANK_FEES ENTERTAINMENT FOOD_AND_DRINK "
    "GENERAL_MERCHANDISE HOME_IMPROVEMENT MEDICAL PERSONAL_CARE GENERAL_SERVICES GOVERNMENT_AND_NON_PROFIT "
    "TRANSPORTATION TRAVEL RENT_AND_UTILITIES OTHER"
)

SALARY = Merchant(
    "ACH DEPOSIT NORTHWIND PAYROLL", "Northwind", "INCOME_WAGES", "other", -320000, -320000, kind="income_source"
)
RENT = Merchant("RENT 14 ELM STREET", "Elm Street Homes", "RENT_AND_UTILITIES_RENT", "other", 165000, 165000)
INTEREST = Merchant("INTRST PYMNT", None, "INCOME_INTEREST_EARNED", "other", -800, -100)

SUBSCRIPTIONS = {
    3: Merchant("NETFLIX.COM", "Netflix", "ENTERTAINMENT_TV_AND_MOVIES", "online", 1549, 1549, "netflix.com"),
    7: Merchant("CITY POWER & LIGHT", "City Power", "RENT_AND_UTILITIES_GAS_AND_ELECTRICITY", "online", 8450, 8450),
    12: Merchant("SPOTIFY USA", "Spotify", "ENTERTAINMENT_MUSIC_AND_AUDIO", "online", 1099, 1099, "spotify.com"),
    20: Merchant(
        "PLANET FITNESS CLUB FEES", "Planet Fitness", "PERSONAL_CARE_GYMS_AND_FITNESS_CENTERS", "other", 2499, 2499
    ),
}

EVERYDAY = (
    Merchant("STARBUCKS STORE {n}", "Starbucks", "FOOD_AND_DRINK_COFFEE", low=345, high=1290, website="starbucks.com"),
    Merchant(
        "WHOLEFDS #{n}", "Whole Foods", "FOOD_AND_DRINK_GROCERIES", low=1890, high=18450, website="wholefoods.com"
    ),
    Merchant(
        "TRADER JOE S #{n}", "Trader Joe's", "FOOD_AND_DRINK_GROCERIES", low=990, high=9800, website="traderjoes.com"
    ),
    Merchant("MCDONALD'S F{n}", "McDonald's", "FOOD_AND_DRINK_FAST_FOOD", low=480, high=2890, website="mcdonalds.com"),
    Merchant("TST* CAFÉ ZÜRICH {n}", "Café Zürich", "FOOD_AND_DRINK_RESTAURANT", low=1250, high=9600),
    Merchant(
        "すし 銀座 {n}", "すし 銀座", "FOOD_AND_DRINK_RESTAURANT", low=2250, high=19600, city=("San Francisco", "CA")
    ),
    Merchant(
        "SHELL OIL {n}", "Shell", "TRANSPORTATION_GAS", low=2100, high=8200, website="shell.com", city=("Austin", "TX")
    ),
    Merchant("UBER *TRIP {n}", "Uber", "TRANSPORTATION_TAXIS_AND_RIDE_SHARES", "online", 690, 5400, "uber.com"),
    Merchant("MTA*NYCT PAYGO", "MTA", "TRANSPORTATION_PUBLIC_TRANSIT", low=290, high=290, city=("New York", "NY")),
    Merchant(
        "AMZN Mktp US*{n}", "Amazon", "GENERAL_MERCHANDISE_ONLINE_MARKETPLACES", "online", 599, 24999, "amazon.com"
    ),
    Merchant("TARGET {n}", "Target", "GENERAL_MERCHANDISE_SUPERSTORES", low=1200, high=16500, website="target.com"),
    Merchant(
        "BEST BUY {n}", "Best Buy", "GENERAL_MERCHANDISE_ELECTRONICS", low=1999, high=149999, website="bestbuy.com"
    ),
    Merchant("CVS/PHARMACY #{n}", "CVS", "MEDICAL_PHARMACIES_AND_SUPPLEMENTS", low=480, high=7800, website="cvs.com"),
    Merchant(
        "HOME DEPOT {n}", "The Home Depot", "HOME_IMPROVEMENT_HARDWARE", low=1500, high=42000, website="homedepot.com"
    ),
    Merchant("DELTA AIR {n}", "Delta Air Lines", "TRAVEL_FLIGHTS", "online", 18900, 89900, "delta.com"),
    Merchant("CHECK {n}", None, "OTHER_OTHER", "other", 5000, 60000),
    Merchant(
        "VENMO CASHOUT {n}", "Venmo", "TRANSFER_IN_ACCOUNT_TRANSFER", "other", -20000, -1000, "venmo.com", "payment_app"
    ),
    Merchant(
        "MERCHANDISE RETURN {n}",
        "Amazon",
        "GENERAL_MERCHANDISE_ONLINE_MARKETPLACES",
        "online",
        -9999,
        -500,
        "amazon.com",
    ),
)

_WORDS: dict[str, tuple[str, str]] = {
    "amazon": ("Amazon", "GENERAL_MERCHANDISE_ONLINE_MARKETPLACES"),
    "whole foods": ("Whole Foods", "FOOD_AND_DRINK_GROCERIES"),
    "starbucks": ("Starbucks", "FOOD_AND_DRINK_COFFEE"),
    "shell": ("Shell", "TRANSPORTATION_GAS"),
    "uber": ("Uber", "TRANSPORTATION_TAXIS_AND_RIDE_SHARES"),
    "netflix": ("Netflix", "ENTERTAINMENT_TV_AND_MOVIES"),
    "rent": ("", "RENT_AND_UTILITIES_RENT"),
    "payroll": ("", "INCOME_WAGES"),
    "salary": ("", "INCOME_WAGES"),
    "credit card payment": ("", "LOAN_PAYMENTS_CREDIT_CARD_PAYMENT"),
    "credit crd": ("", "LOAN_PAYMENTS_CREDIT_CARD_PAYMENT"),
    "interest": ("", "INCOME_INTEREST_EARNED"),
    "transfer": ("", "TRANSFER_OUT_ACCOUNT_TRANSFER"),
}


def recognise(description: str) -> Merchant | None:
    """The merchant that a description names by one of a few known words; else None."""
    text = f" {description.lower()} "
    for word, (name, category) in _WORDS.items():
        if f" {word}" in text:
            return Merchant(description, name or None, category, "online" if ".com" in text else "other")
    return None
