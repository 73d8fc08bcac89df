"""The institutions of the Sandbox: Plaid's test banks and a few real names.

Sources: plaid.com/docs/sandbox/institutions, plaid.com/docs/api/institutions. Those of a single country of the European
Union (ins_9000…) are invented.
"""

import base64
import struct
import zlib
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import Any

from emulators.plaid.errors import PlaidError

_US = (
    "assets auth balance employment identity identity_match income_verification investments investments_auth "
    "liabilities signal statements transactions transfer"
)
_EU = "assets auth balance identity payment_initiation transactions"


@dataclass(frozen=True)
class Institution:
    institution_id: str
    name: str
    countries: tuple[str, ...] = ("US",)
    products: tuple[str, ...] = tuple(_US.split())
    oauth: bool = False
    health: str = "HEALTHY"
    routing_numbers: tuple[str, ...] = ()
    persistent_account_ids: bool = False
    consent_days: int | None = None

    def supports(self, product: str) -> bool:
        if product == "recurring_transactions":
            return any(_offers_recurring(country) for country in self.countries)
        return product in self.products or product in {"balance", "transactions_refresh"}


def _offers_recurring(country: str) -> bool:
    """Recurring Transactions exist in the US, Canada and the UK."""
    return country in {"US", "CA", "GB"}


def _european(institution_id: str, name: str, *countries: str) -> Institution:
    return Institution(institution_id, name, countries, tuple(_EU.split()), oauth=True, consent_days=180)


_ALL = [
    Institution("ins_109508", "First Platypus Bank", routing_numbers=("011000138", "021000021")),
    Institution("ins_109509", "First Gingham Credit Union", routing_numbers=("102001017",)),
    Institution("ins_109510", "Tattersall Federal Credit Union"),
    Institution("ins_109511", "Tartan Bank"),
    Institution("ins_109512", "Houndstooth Bank"),
    Institution("ins_130016", "First Platypus Balance Bank"),
    Institution("ins_43", "Tartan-Dominion Bank of Canada", ("CA",)),
    _european("ins_116834", "Flexible Platypus Open Banking", "GB"),
    _european("ins_117181", "Flexible Platypus Open Banking (QR Code Authentication)", "GB"),
    _european("ins_117650", "Royal Bank of Plaid", "GB"),
    Institution("ins_127287", "Platypus OAuth Bank", oauth=True, persistent_account_ids=True),
    Institution("ins_132241", "First Platypus OAuth App2App Bank", oauth=True),
    Institution("ins_135858", "Windowpane Bank"),
    Institution("ins_132363", "Unhealthy Platypus Bank - Degraded", health="DEGRADED"),
    Institution("ins_132361", "Unhealthy Platypus Bank - Down", health="DOWN"),
    Institution("ins_133402", "Unsupported Platypus Bank", products=()),
    Institution("ins_1", "Bank of America", routing_numbers=("021200339", "052001633")),
    Institution("ins_12", "Fidelity"),
    Institution("ins_56", "Chase", oauth=True, persistent_account_ids=True, consent_days=365),
    Institution("ins_127989", "Bank of America", oauth=True, consent_days=365),
    Institution("ins_127991", "Wells Fargo", oauth=True),
    Institution("ins_13", "PNC", oauth=True, persistent_account_ids=True, consent_days=365),
    Institution("ins_127990", "U.S. Bank", oauth=True, persistent_account_ids=True),
    Institution("ins_128026", "Capital One", oauth=True, consent_days=365),
    Institution("ins_10", "American Express", oauth=True, consent_days=365),
    _european("ins_118274", "Monzo", "GB"),
    _european("ins_115643", "Revolut", "GB", "IE", "FR", "ES", "DE"),
    _european("ins_900033", "Banque Ornithorynque", "FR"),
    _european("ins_900049", "Schnabeltier Bank", "DE"),
    _european("ins_900031", "Vogelbekdier Bank", "NL"),
]
BY_ID = {institution.institution_id: institution for institution in _ALL}


def find(institution_id: str) -> Institution:
    """The institution of an id. Raises INVALID_INSTITUTION."""
    if institution_id not in BY_ID:
        raise PlaidError("INVALID_INSTITUTION")
    return BY_ID[institution_id]


def select(
    countries: list[str],
    *,
    query: str = "",
    products: list[str] | None = None,
    oauth: bool | None = None,
    routing_numbers: list[str] | None = None,
) -> list[Institution]:
    """The institutions that match all filters, in a fixed order."""
    words = query.lower().split()
    return [
        institution
        for institution in _ALL
        if set(countries) & set(institution.countries)
        and all(word in institution.name.lower() for word in words)
        and all(institution.supports(product) for product in products or [])
        and (oauth is None or institution.oauth == oauth)
        and (not routing_numbers or set(routing_numbers) & set(institution.routing_numbers))
    ]


def describe(institution: Institution, options: dict[str, Any]) -> dict[str, Any]:
    """The institution object of the endpoints, without its status."""
    answer: dict[str, Any] = {
        "institution_id": institution.institution_id,
        "name": institution.name,
        "products": list(institution.products),
        "country_codes": list(institution.countries),
        "routing_numbers": list(institution.routing_numbers),
        "dtc_numbers": [],
        "oauth": institution.oauth,
        "connection_availability": "SUPPORTED" if institution.products else "NOT_SUPPORTED",
    }
    if options.get("include_optional_metadata"):
        slug = "".join(c for c in institution.name.lower() if c.isalnum())
        answer["url"] = f"https://{slug}.example"
        answer["primary_color"] = "#{:02x}{:02x}{:02x}".format(*_color(institution.institution_id))
        answer["logo"] = _logo(institution.institution_id)
    if options.get("include_auth_metadata"):
        us = "auth" in institution.products and "US" in institution.countries
        methods = ("instant_auth", "instant_match", "automated_micro_deposits", "instant_micro_deposits")
        answer["auth_metadata"] = {"supported_methods": dict.fromkeys(methods, True)} if us else None
    if options.get("include_payment_initiation_metadata"):
        pays = "payment_initiation" in institution.products
        answer["payment_initiation_metadata"] = _payment_initiation() if pays else None
    return answer


def _payment_initiation() -> dict[str, Any]:
    return {
        "supports_international_payments": False,
        "supports_sepa_instant": False,
        "maximum_payment_amount": {"GBP": "10000"},
        "supports_refund_details": True,
        "standing_order_metadata": {
            "supports_standing_order_end_date": True,
            "supports_standing_order_negative_execution_days": False,
            "valid_standing_order_intervals": ["WEEKLY", "MONTHLY"],
        },
        "supports_payment_consents": False,
        "supports_commercial_payment_consents": False,
    }


def _color(institution_id: str) -> tuple[int, int, int]:
    red, green, blue = blake2b(institution_id.encode(), digest_size=3).digest()
    return red // 2, green // 2, blue // 2


@cache
def _logo(institution_id: str) -> str:
    """A 152 x 152 PNG, base64: a disc in the bank's colour on white."""
    ink, paper, size = bytes(_color(institution_id)), b"\xff\xff\xff", 152
    rows = []
    for y in range(size):
        half = int(max(0, 70**2 - (y - size // 2) ** 2) ** 0.5)
        side = (size - 2 * half) // 2
        rows.append(b"\0" + paper * side + ink * (size - 2 * side) + paper * side)
    return base64.b64encode(_png(size, b"".join(rows))).decode()


def _png(size: int, rows: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
