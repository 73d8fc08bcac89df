"""The rows about products besides transactions: the speed of a first run, and the cost of one without changes."""

from __future__ import annotations

import json
from collections import deque
from contextlib import ExitStack
from typing import Any

from benchmarks.ground import Ground
from benchmarks.process import Contestant
from benchmarks.table import Result, median

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


def speed(on: Ground, *, rounds: int, quick: bool) -> list[Result]:
    """Compares first runs of holdings with a typical implementation, in alternating order. The first is a warm-up."""
    count = 100 if quick else 400
    ours: list[float] = []
    naive: list[float] = []
    with ExitStack() as stack:
        product = stack.enter_context(Contestant("benchmarks.product", on.environment(SYNC_PRODUCTS="holdings")))
        rival = stack.enter_context(Contestant("benchmarks.rivals", on.environment()))
        for number in range(rounds + 1):
            contestants = deque(("ours", "naive"))
            contestants.rotate(number)
            for contestant in contestants:
                on.empty()
                made = _invested(on, count, exchange=contestant == "naive")
                if contestant == "naive":
                    answer = rival.ask("naive_holdings", access_token=made["access_token"])
                    naive.append(_rate(answer, count))
                    continue
                connection_id = product.ask("connect", public_token=made["public_token"])["connection_id"]
                product.ask("sync", connection_id=connection_id)
                ours.append(_rate(product.ask("product", connection_id=connection_id, kind="holdings"), count))
            name = "warm-up" if number == 0 else f"round {number}"
            print(f"  {name}: ours {ours[-1]:,.0f} rows/s, naive {naive[-1]:,.0f}", flush=True)
    ratio = median(mine / theirs for mine, theirs in zip(ours[1:], naive[1:], strict=True))
    detail = f"{median(ours[1:]):,.0f} : {median(naive[1:]):,.0f} rows/s, {count} positions"
    return [Result("holdings_vs_naive", ratio, detail)]


def _invested(on: Ground, count: int, *, exchange: bool) -> dict[str, Any]:
    """An item with one account and so many positions."""
    account = {"type": "investment", "subtype": "brokerage", "holdings": [_position(0)]}
    login = {"username": "user_custom", "password": json.dumps({"override_accounts": [account]})}
    made = on.plaid("POST", "items", **login, products=PRODUCTS[:2], exchange=exchange)
    on.plaid("POST", f"items/{made['item_id']}/holdings", add=[_position(n) for n in range(1, count)], announce=False)
    return made


def _position(number: int) -> dict[str, Any]:
    security = {"ticker_symbol": f"T{number:04d}", "name": f"Company {number}", "currency": "USD"}
    amounts = {"quantity": number + 1, "institution_price": 12.5, "cost_basis": 10}
    return {**amounts, "currency": "USD", "security": security}


def _rate(answer: dict[str, Any], count: int) -> float:
    if answer["product_rows"] != count:
        raise AssertionError(f"unexpected work was measured: {answer}")
    return float(count / answer["seconds"])
