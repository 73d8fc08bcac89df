"""The rows about products besides transactions: the cost of a run whose answer is the same as before."""

from __future__ import annotations

from benchmarks.ground import Ground
from benchmarks.process import Contestant
from benchmarks.table import Result

KINDS = {
    "recurring": "/transactions/recurring/get",
    "liabilities": "/liabilities/get",
    "holdings": "/investments/holdings/get",
    "investment_transactions": "/investments/transactions/get",
}
PRODUCTS = ["transactions", "investments", "liabilities"]


def unchanged(on: Ground, *, rounds: int, quick: bool) -> list[Result]:  # noqa: ARG001 (counts do not vary)
    """The worst of the kinds, each counted in a run after which nothing differs."""
    on.empty()
    made = on.plaid("POST", "items", username="user_good", products=PRODUCTS, exchange=False)
    seen: dict[str, dict[str, int]] = {}
    with Contestant("benchmarks.product", on.environment(SYNC_PRODUCTS=",".join(KINDS))) as product:
        connection_id = product.ask("connect", public_token=made["public_token"])["connection_id"]
        product.ask("sync", connection_id=connection_id)
        for kind, path in KINDS.items():
            for _ in range(2):  # the first run stores the rows; investment transactions read a shorter window then
                stored = product.ask("product", connection_id=connection_id, kind=kind)
            before = on.plaid("GET", f"items/{made['item_id']}")["calls"].get(path, 0)
            seen[kind] = product.ask("product", connection_id=connection_id, kind=kind)
            seen[kind]["plaid_calls"] = on.plaid("GET", f"items/{made['item_id']}")["calls"][path] - before
            if not stored["product_rows"] or seen[kind]["product_rows"] != stored["product_rows"]:
                raise AssertionError(f"unexpected work was measured: {kind} {stored}, then {seen[kind]}")
    details = {
        "plaid_calls": "the product's endpoint",
        "reads": "the state, the access token, and whether syncs are paused",
        "commits": "the claim and the end in one",
        "writes": "the state and its projection; no row",
    }
    found = []
    for name, detail in details.items():
        worst = max(seen, key=lambda kind: seen[kind][name])
        found.append(Result(f"product_unchanged_{name}", seen[worst][name], f"{detail}; {worst}"))
    return found
