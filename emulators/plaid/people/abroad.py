"""`user_gb`, `user_fr`, `user_de`, `user_nl` and `user_ca`: people with accounts outside the United States.

They show what differs there: currencies, overdraft limits, accounts without a mask, banks without pending transactions,
prices in pence. All of it is invented.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from emulators.plaid.bank import Account, Portfolio, portfolio
from emulators.plaid.ids import derive
from emulators.plaid.merchants import Merchant
from emulators.plaid.transactions import Booking

_PERIOD = 30
_PENNY_SHARES = "GBX"

Row = tuple[str, str | None, str, str, str, str, str | None, str | None]


@dataclass(frozen=True)
class Country:
    """The accounts and monthly bookings of a country's person.

    Attributes:
        currency: The currency of all accounts that do not have their own.
        owner: The name of the person.
        city: Where the person lives.
        accounts: key, mask, name, type, subtype, current, available, limit (of a current account: the overdraft).
        monthly: The account's key, days before today, amount, booking, merchant, category.
        shows_pending: Whether the bank shows today's booking as pending.
        currencies: The unofficial currency of accounts that have one, by key.
    """

    currency: str
    owner: str
    city: str
    accounts: list[Row]
    monthly: list[tuple[str, int, str, str, str | None, str]]
    shows_pending: bool
    currencies: dict[str, str]


_COUNTRIES = {
    "gb": Country(
        "GBP",
        "Imogen Hartley",
        "Leeds",
        [
            ("current", "4417", "Current Account", "depository", "checking", "-214.60", "785.40", "1000"),
            ("savings", "8820", "Easy Saver", "depository", "savings", "3150.25", "3150.25", None),
            ("card", "9031", "Platinum Card", "credit", "credit card", "342.17", "2657.83", "3000"),
            ("shares", None, "Share Pot", "depository", "savings", "125450.5", "125450.5", None),
        ],
        [
            ("current", 2, "-2480", "BACS NORTHERN RAIL PAYROLL", "Northern Rail", "INCOME_WAGES"),
            ("current", 3, "895", "STANDING ORDER MOOR LANE LETTINGS", "Moor Lane Lettings", "RENT_AND_UTILITIES_RENT"),
            (
                "current",
                5,
                "142.5",
                "DIRECT DEBIT LEEDS CITY COUNCIL",
                "Leeds City Council",
                "GOVERNMENT_AND_NON_PROFIT_TAX_PAYMENT",
            ),
            ("current", 6, "38.42", "CARD PAYMENT SAINSBURYS S/MKTS", "Sainsbury's", "FOOD_AND_DRINK_GROCERIES"),
            ("current", 9, "4.1", "TFL TRAVEL CH", "TfL", "TRANSPORTATION_PUBLIC_TRANSIT"),
            ("card", 7, "15.99", "NETFLIX.COM LONDON", "Netflix", "ENTERTAINMENT_TV_AND_MOVIES"),
            ("card", 12, "27.35", "DISHOOM LEEDS", "Dishoom", "FOOD_AND_DRINK_RESTAURANT"),
            ("savings", 15, "-6.11", "INTEREST PAID", None, "INCOME_INTEREST_EARNED"),
            ("shares", 20, "2510.5", "BUY 10 SIMX LN", None, "TRANSFER_OUT_INVESTMENT_AND_RETIREMENT_FUNDS"),
        ],
        shows_pending=True,
        currencies={"shares": _PENNY_SHARES},
    ),
    "fr": Country(
        "EUR",
        "Camille Rousseau",
        "Lyon",
        [
            ("current", None, "Compte courant", "depository", "checking", "1284.07", "1584.07", "300"),
            ("savings", None, "Livret A", "depository", "savings", "9120.5", None, None),
        ],
        [
            ("current", 2, "-2350.4", "VIR SEPA RECU SALAIRE ATELIER RHONE", "Atelier Rhône", "INCOME_WAGES"),
            ("current", 4, "780", "PRLV SEPA LOYER REGIE DES QUAIS", "Régie des Quais", "RENT_AND_UTILITIES_RENT"),
            ("current", 5, "19.99", "PRLV SEPA FREE MOBILE", "Free Mobile", "RENT_AND_UTILITIES_TELEPHONE"),
            ("current", 6, "64.18", "CB CARREFOUR MARKET LYON", "Carrefour", "FOOD_AND_DRINK_GROCERIES"),
            ("current", 8, "2.3", "CB BOULANGERIE DU PARC", "Boulangerie du Parc", "FOOD_AND_DRINK_FAST_FOOD"),
            ("current", 11, "70", "PRLV TCL ABONNEMENT", "TCL", "TRANSPORTATION_PUBLIC_TRANSIT"),
            ("savings", 16, "-18.24", "INTERETS", None, "INCOME_INTEREST_EARNED"),
        ],
        shows_pending=False,
        currencies={},
    ),
    "de": Country(
        "EUR",
        "Jonas Weidmann",
        "Köln",
        [
            ("current", "3000", "Girokonto", "depository", "checking", "-87.35", "1912.65", "2000"),
            ("savings", "3001", "Tagesgeld", "depository", "savings", "5200", "5200", None),
            ("card", "7744", "Kreditkarte", "credit", "credit card", "210.9", None, "1500"),
        ],
        [
            ("current", 1, "-2870.13", "GEHALT RHEINWERK GMBH", "Rheinwerk", "INCOME_WAGES"),
            (
                "current",
                3,
                "940",
                "DAUERAUFTRAG MIETE HAUSVERWALTUNG DOM",
                "Hausverwaltung Dom",
                "RENT_AND_UTILITIES_RENT",
            ),
            ("current", 5, "49", "LASTSCHRIFT DEUTSCHLANDTICKET KVB", "KVB", "TRANSPORTATION_PUBLIC_TRANSIT"),
            ("current", 6, "53.27", "REWE SAGT DANKE 47110815", "REWE", "FOOD_AND_DRINK_GROCERIES"),
            (
                "current",
                10,
                "18.36",
                "LASTSCHRIFT RUNDFUNK ARD ZDF DRADIO",
                "ARD ZDF",
                "GENERAL_SERVICES_OTHER_GENERAL_SERVICES",
            ),
            ("card", 13, "79.9", "BAHN.DE FAHRKARTE", "Deutsche Bahn", "TRANSPORTATION_PUBLIC_TRANSIT"),
        ],
        shows_pending=False,
        currencies={},
    ),
    "nl": Country(
        "EUR",
        "Sanne de Wit",
        "Utrecht",
        [
            ("current", None, "Betaalrekening", "depository", "checking", "642.8", "642.8", None),
            ("savings", None, "Spaarrekening", "depository", "savings", "2750", "2750", None),
        ],
        [
            ("current", 2, "-2540.66", "SALARIS DOMTOREN BV", "Domtoren", "INCOME_WAGES"),
            (
                "current",
                3,
                "1015.2",
                "HUUR WONINGSTICHTING GRACHT",
                "Woningstichting Gracht",
                "RENT_AND_UTILITIES_RENT",
            ),
            ("current", 6, "41.05", "BEA ALBERT HEIJN 1620 UTRECHT", "Albert Heijn", "FOOD_AND_DRINK_GROCERIES"),
            ("current", 7, "23.6", "NS REIZIGERS INCASSO", "NS", "TRANSPORTATION_PUBLIC_TRANSIT"),
            ("current", 12, "138.75", "ZORGVERZEKERING VECHT", "Vecht", "MEDICAL_OTHER_MEDICAL"),
        ],
        shows_pending=True,
        currencies={},
    ),
    "ca": Country(
        "CAD",
        "Maya Tremblay",
        "Halifax",
        [
            ("current", "5512", "Chequing", "depository", "checking", "1842.33", "1842.33", None),
            ("savings", "5513", "High Interest Savings", "depository", "savings", "7300", "7300", None),
            ("card", "0042", "Cash Back Visa", "credit", "credit card", "611.4", "4388.6", "5000"),
        ],
        [
            ("current", 2, "-2110.75", "PAYROLL DEPOSIT HARBOUR FOODS", "Harbour Foods", "INCOME_WAGES"),
            ("current", 3, "1350", "E-TRANSFER RENT QUINPOOL", None, "RENT_AND_UTILITIES_RENT"),
            ("current", 6, "118.2", "NOVA SCOTIA POWER", "Nova Scotia Power", "RENT_AND_UTILITIES_GAS_AND_ELECTRICITY"),
            ("card", 4, "3.25", "TIM HORTONS #4410", "Tim Hortons", "FOOD_AND_DRINK_COFFEE"),
            ("card", 8, "87.61", "SOBEYS HALIFAX", "Sobeys", "FOOD_AND_DRINK_GROCERIES"),
            ("card", 14, "56.99", "CANADIAN TIRE 204", "Canadian Tire", "HOME_IMPROVEMENT_HARDWARE"),
        ],
        shows_pending=True,
        currencies={},
    ),
}
USERS = {f"user_{code}": code for code in _COUNTRIES}


def open_bank(username: str, item_id: str, today: date, days: int) -> Portfolio:
    """The bank data of one of USERS."""
    code = USERS[username]
    country = _COUNTRIES[code]
    accounts = {row[0]: _account(country, code, item_id, row) for row in country.accounts}
    return portfolio(list(accounts.values()), _bookings(country, accounts, item_id, today, days), today)


def _account(country: Country, code: str, item_id: str, row: Row) -> Account:
    key, mask, name, kind, subtype, current, available, limit = row
    unofficial = country.currencies.get(key)
    return Account(
        derive(item_id, "account", key),
        name,
        kind,
        subtype,
        current=Decimal(current),
        available=None if available is None else Decimal(available),
        limit=None if limit is None else Decimal(limit),
        currency=None if unofficial else country.currency,
        unofficial_currency=unofficial,
        mask=mask,
        owners=[_owner(country, code)],
    )


def _owner(country: Country, code: str) -> dict[str, Any]:
    data = {"street": None, "city": country.city, "region": None, "postal_code": None, "country": code.upper()}
    return {
        "names": [country.owner],
        "emails": [],
        "phone_numbers": [],
        "addresses": [{"data": data, "primary": True}],
    }


def _bookings(
    country: Country, accounts: dict[str, Account], item_id: str, today: date, days: int
) -> Iterator[Booking]:
    for line, (key, offset, amount, name, merchant, category) in enumerate(country.monthly):
        account = accounts[key]
        for age in range(offset, days + 1, _PERIOD):
            pending = country.shows_pending and line == 0 and age == offset
            yield Booking(
                derive(item_id, "transaction", line, age),
                account.account_id,
                Decimal(amount),
                today - timedelta(days=0 if pending else age),
                name,
                authorized=None if pending else today - timedelta(days=age),
                currency=account.currency,
                unofficial_currency=account.unofficial_currency,
                pending=pending,
                merchant=Merchant(name, merchant, category, "other"),
            )
