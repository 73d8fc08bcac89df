"""Enriching a client's own transactions. Source: plaid.com/docs/api/products/enrich."""

from emulators.plaid.endpoints.calls import Call, Json, endpoint
from emulators.plaid.enrichment import enrich
from emulators.plaid.errors import PlaidError

_RETURNED = (
    "id",
    "client_user_id",
    "client_account_id",
    "account_type",
    "account_subtype",
    "description",
    "amount",
    "direction",
    "iso_currency_code",
)


@endpoint("/transactions/enrich")
def enrich_transactions(call: Call) -> Json:
    """Returns each transaction with its enrichments, in the order of the request."""
    written = call.fields["transactions"]
    for place, transaction in enumerate(written):
        if transaction["amount"] < 0:
            raise PlaidError("INVALID_FIELD", f"transactions[{place}].amount must be greater than or equal to 0")
    return {"enriched_transactions": [_enriched(call, transaction) for transaction in written]}


def _enriched(call: Call, transaction: Json) -> Json:
    enrichments = enrich(
        transaction["description"],
        transaction["direction"],
        transaction.get("location") or {},
        version=call.options.get("personal_finance_category_version", "v2"),
        legacy=bool(call.options.get("include_legacy_category")),
    )
    kept = {name: transaction[name] for name in _RETURNED if name in transaction}
    return {"account_type": call.fields["account_type"], **kept, "enrichments": enrichments}
