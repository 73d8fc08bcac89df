"""What the user of an Item agreed to share.

Sources: plaid.com/docs/link/data-transparency-messaging-migration-guide (in the US and Canada, the user agrees to the
data scopes of the link token's products, and a product is available if the user agreed to all its scopes),
plaid.com/docs/errors/invalid-input/#additional_consent_required, plaid.com/docs/errors/item/#access_not_granted (the
user refused the product at the bank) and plaid.com/docs/link/update-mode (repairs both).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from emulators.plaid.billing import part_of
from emulators.plaid.errors import PlaidError
from emulators.plaid.wire import words

_BASIC = "account_balance_info"
_OWNER = f"{_BASIC} contact_info"
_SCOPES = {
    product: words(scopes)
    for products, scopes in {
        "balance": _BASIC,
        "identity": _OWNER,
        "auth transfer": f"{_OWNER} account_routing_number",
        "assets income_verification transactions": f"{_OWNER} transactions",
        "liabilities": f"{_OWNER} credit_loan_info",
        "statements": f"{_OWNER} bank_statements",
        "investments": f"{_OWNER} investments",
        "investments_auth": f"{_OWNER} account_routing_number investments",
        "signal": f"{_OWNER} transactions risk_info",
    }.items()
    for product in words(products)
}
_COUNTRIES = {"US", "CA"}


def applies(countries: Iterable[str]) -> bool:
    """Whether consent in the banks of these countries is given product by product."""
    return not _COUNTRIES.isdisjoint(countries)


def scopes_of(products: Iterable[str]) -> list[str]:
    """The data scopes that Link shows for these products. A product without bank data has none."""
    return list(dict.fromkeys(scope for product in products for scope in _SCOPES.get(part_of(product), ())))


@dataclass
class Consent:
    """The consent of one Item's user.

    `scopes`: the data scopes that the user agreed to in Link, None for all. `withdrawn`: products without consent
    all the same. `refused`: products that the user did not grant at the bank.
    """

    scopes: list[str] | None = None
    withdrawn: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def covers(self, product: str) -> bool:
        if part_of(product) in self.withdrawn:
            return False
        return self.scopes is None or set(scopes_of([product])) <= set(self.scopes)

    def check(self, product: str) -> None:
        """Raises ADDITIONAL_CONSENT_REQUIRED or ACCESS_NOT_GRANTED."""
        if not self.covers(product):
            raise PlaidError(
                "ADDITIONAL_CONSENT_REQUIRED",
                f"client does not have user consent to access the PRODUCT_{part_of(product).upper()} product",
            )
        if part_of(product) in self.refused:
            raise PlaidError("ACCESS_NOT_GRANTED")

    def give(self, products: Iterable[str]) -> None:
        """The user agrees to these products too."""
        scopes = scopes_of(products)
        self.withdrawn = [product for product in self.withdrawn if not set(scopes_of([product])) <= set(scopes)]
        if self.scopes is not None:
            self.scopes = list(dict.fromkeys([*self.scopes, *scopes]))

    def among(self, products: Iterable[str]) -> list[str] | None:
        """The products with consent, as `consented_products` lists them; None where consent is not given by product."""
        if self.scopes is None and not self.withdrawn:
            return None
        return [product for product in products if self.covers(product)]
