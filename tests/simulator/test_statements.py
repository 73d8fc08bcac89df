"""/statements/list, /statements/download and /statements/refresh."""

from __future__ import annotations

import json
import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import plaid
import pytest

from .harness import BANK, Json, Linked, Receiver, Refused, Sim, running_simulator
from .people import CHECKING
from .test_every_state import STATES
from .test_requests import LINK
from .test_typed_models import Api, api, token

__all__ = ["api"]

TODAY = datetime.now(UTC).date()
LAST_MONTH = TODAY.replace(day=1) - timedelta(days=1)


def link(sim: Sim, start: str = "2026-01-01", end: str = "2026-03-31", user: Json | None = None, **more: Any) -> Linked:
    options: Json = {"statements": {"start_date": start, "end_date": end}, **more}
    if user:
        options |= {"override_username": "user_custom", "override_password": json.dumps(user)}
    made = sim.call(
        "/sandbox/public_token/create", institution_id=BANK, initial_products=["statements"], options=options
    )
    done = sim.call("/item/public_token/exchange", public_token=made["public_token"])
    return Linked(sim, done["item_id"], done["access_token"])


def posted(item: Linked) -> list[list[str]]:
    return [[s["date_posted"] for s in account["statements"]] for account in accounts(item)]


def accounts(item: Linked) -> list[Json]:
    found: list[Json] = item.call("/statements/list")["accounts"]
    return found


def download(item: Linked, statement_id: str) -> httpx.Response:
    fields = {"access_token": item.access_token, "statement_id": statement_id}
    return item.sim.post("/statements/download", fields)


def code_of(item: Linked, path: str, **fields: Any) -> str:
    with pytest.raises(Refused) as caught:
        item.call(path, **fields)
    return str(caught.value.code)


def pages_of(pdf: bytes) -> list[list[str]]:
    """The lines of each page. Checks the file's structure: the table of positions, and the length of every stream."""
    assert pdf.startswith(b"%PDF-1.7\n")
    assert pdf.endswith(b"%%EOF\n")
    start = int(re.findall(rb"startxref\n(\d+)\n", pdf)[0])
    header, *entries = re.findall(rb"^(?:0 (\d+)|(\d{10}) \d{5} [fn] )$", pdf[start:], re.MULTILINE)
    assert int(header[0]) == len(entries)
    for number, (_, place) in enumerate(entries[1:], 1):
        assert pdf[int(place) :].startswith(b"%d 0 obj\n" % number)
    pages = []
    for length, content in re.findall(rb"/Length (\d+) >>\nstream\n(.*?)\nendstream", pdf, re.DOTALL):
        assert int(length) == len(content)
        texts = re.findall(rb"\(((?:[^()\\]|\\.)*)\) Tj", content)
        pages.append([re.sub(rb"\\(.)", rb"\1", text).decode("cp1252") for text in texts])
    assert len(pages) == int(re.findall(rb"/Count (\d+)", pdf)[0]) == len(re.findall(rb"/Type /Page\b(?!s)", pdf))
    return pages


def lines_of(pdf: bytes) -> list[str]:
    return [line for page in pages_of(pdf) for line in page]


def amount(line: str) -> Decimal:
    return Decimal(line.split()[-2].replace(",", ""))


def test_every_depository_account_has_a_statement_for_each_month_of_the_period(sim: Sim) -> None:
    item = link(sim)
    answer = item.call("/statements/list")
    assert (answer["institution_id"], answer["item_id"]) == (BANK, item.item_id)
    assert {account["account_type"] for account in answer["accounts"]} == {"depository"}
    assert len(answer["accounts"]) == 6
    assert posted(item) == [["2026-03-31", "2026-02-28", "2026-01-31"]] * 6
    first = answer["accounts"][0]["statements"][0]
    assert (first["year"], first["month"]) == (2026, 3)
    ids = [s["statement_id"] for account in answer["accounts"] for s in account["statements"]]
    assert len(set(ids)) == 18
    assert ids == [s["statement_id"] for account in accounts(item) for s in account["statements"]]


def test_a_statement_belongs_to_the_period_of_its_last_day_and_never_to_the_future(sim: Sim) -> None:
    assert posted(link(sim, "2026-02-15", "2026-03-30"))[0] == ["2026-02-28"]
    assert posted(link(sim, "2026-02-01", "2026-02-27"))[0] == []
    assert posted(link(sim, str(LAST_MONTH), "2099-01-01"))[0][-1] == str(LAST_MONTH)
    assert max(posted(link(sim, "2026-01-01", "2099-01-01"))[0]) <= str(TODAY)
    assert min(posted(link(sim, "2009-06-01", "2010-02-28"))[0]) == "2010-01-31"


def test_a_leap_years_february_has_29_days(sim: Sim) -> None:
    assert posted(link(sim, "2024-02-01", "2024-03-01"))[0] == ["2024-02-29"]


def test_an_item_without_a_period_has_the_statements_of_the_last_three_months(sim: Sim) -> None:
    found = posted(sim.link(products=["auth"]))[0]
    month_end = TODAY.day == monthrange(TODAY.year, TODAY.month)[1]
    assert len(found) == 3 + month_end


def test_a_link_token_sets_the_period(sim: Sim) -> None:
    period = {"start_date": "2025-11-01", "end_date": "2025-12-31"}
    fields = {**LINK, "products": ["transactions", "statements"], "statements": period}
    made = sim.call("/link/token/create", **fields)
    done = sim.control(f"/link/{made['link_token']}/finish")
    exchanged = sim.call("/item/public_token/exchange", public_token=done["public_token"])
    item = Linked(sim, exchanged["item_id"], exchanged["access_token"])
    assert posted(item)[0] == ["2025-12-31", "2025-11-30"]


def test_a_statement_shows_the_owner_the_account_and_balances_that_add_up(sim: Sim) -> None:
    item = link(sim, user={"override_accounts": [CHECKING]})
    march = accounts(item)[0]["statements"][0]
    answer = download(item, march["statement_id"])
    lines = lines_of(answer.content)
    assert lines[0] == "First Platypus Bank - statement of March 2026"
    assert "Ada Example and Bob Example" in lines
    assert "1 High St" in lines
    assert "Account: Compte joint, ending in 77" in lines
    rows = [line for line in lines if re.match(r"\d{4}-\d\d-\d\d  ", line)]
    assert [row[:24] for row in rows] == ["2026-03-02  Starbucks Co", "2026-03-04  Salary      "]
    opening, closing = (amount(next(line for line in lines if line.startswith(word))) for word in ("Open", "Clos"))
    assert opening + sum(amount(row) for row in rows) == closing
    assert closing == Decimal("1234.50") + 12  # of April; the balance of today lacks it


def test_a_download_is_a_pdf_with_its_checksum(sim: Sim) -> None:
    item = link(sim)
    for account in accounts(item)[:2]:
        answer = download(item, account["statements"][0]["statement_id"])
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.headers["plaid-content-hash"] == sha256(answer.content).hexdigest()
        assert pages_of(answer.content)
        again = download(item, account["statements"][0]["statement_id"])
        assert again.content == answer.content


def test_a_statement_of_many_transactions_has_several_pages(sim: Sim) -> None:
    today = str(LAST_MONTH)
    rows = [
        {
            "date_transacted": today,
            "date_posted": today,
            "amount": n,
            "description": f"(Row) \\ {n} é すし",
            "currency": "USD",
        }
        for n in range(1, 201)
    ]
    person = {"override_accounts": [{"type": "depository", "subtype": "savings", "transactions": rows}]}
    item = link(sim, today, today, user=person)
    pages = pages_of(download(item, accounts(item)[0]["statements"][0]["statement_id"]).content)
    shown = [line for page in pages for line in page if "(Row)" in line]
    assert len(pages) == 4
    assert len(shown) == 200
    assert all("\\ " in line and "é ??" in line for line in shown)


def test_statements_are_the_same_before_and_after_the_history_is_loaded(sim: Sim) -> None:
    sim.control("/settings", initial_after=60, history_after=600)
    try:
        item = sim.generated(2000, products=["transactions"], ready=False)
        wanted = [s["statement_id"] for s in accounts(item)[0]["statements"]]
        seen = []
        for seconds in (0, 61, 600):
            sim.advance(seconds)
            seen.append([download(item, statement_id).content for statement_id in wanted])
        assert seen[0] == seen[1] == seen[2]
        assert any(len(lines_of(pdf)) > 20 for pdf in seen[0])
    finally:
        sim.control("/settings", initial_after=1, history_after=3)


def test_an_unknown_statement_is_refused(sim: Sim) -> None:
    item, other = link(sim), link(sim)
    foreign = accounts(other)[0]["statements"][0]["statement_id"]
    for statement_id in ("nonsense", foreign):
        answer = download(item, statement_id)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_FIELD")
        assert answer.headers["content-type"].startswith("application/json")
    assert code_of(item, "/statements/download") == "MISSING_FIELDS"
    assert code_of(item, "/statements/download", statement_id="") == "INVALID_FIELD"


def test_an_item_without_depository_accounts_has_no_statements(sim: Sim) -> None:
    card = {"override_accounts": [{"type": "credit", "subtype": "credit card"}]}
    item = link(sim, user=card)
    for path, fields in (
        ("/statements/list", {}),
        ("/statements/download", {"statement_id": "x"}),
        ("/statements/refresh", {"start_date": "2026-01-01", "end_date": "2026-02-01"}),
    ):
        assert code_of(item, path, **fields) == "NO_ACCOUNTS"


def test_a_bank_without_statements_is_not_supported(sim: Sim) -> None:
    item = sim.link(institution_id="ins_117650", products=["transactions"])
    assert code_of(item, "/statements/list") == "PRODUCTS_NOT_SUPPORTED"
    assert "statements" not in item.call("/item/get")["item"]["products"]


def test_statements_without_consent_are_refused(sim: Sim) -> None:
    item = link(sim)
    item.control("state", state="consent_missing", products=["statements"])
    assert code_of(item, "/statements/list") == "ADDITIONAL_CONSENT_REQUIRED"


def test_a_refresh_adds_a_period_and_announces_its_end(sim: Sim, receiver: Receiver) -> None:
    item = link(sim, webhook=receiver.url)
    item.call("/statements/refresh", start_date="2025-06-01", end_date="2025-07-31")
    assert len(posted(item)[0]) == 3
    sim.advance(5)
    body = receiver.wait_for(1)[0].body
    assert (body["webhook_type"], body["webhook_code"]) == ("STATEMENTS", "STATEMENTS_REFRESH_COMPLETE")
    assert (body["result"], body["item_id"]) == ("SUCCESS", item.item_id)
    assert posted(item)[0] == ["2026-03-31", "2026-02-28", "2026-01-31", "2025-07-31", "2025-06-30"]


def test_a_refresh_of_an_item_whose_login_breaks_meanwhile_fails(sim: Sim, receiver: Receiver) -> None:
    item = link(sim, webhook=receiver.url)
    item.call("/statements/refresh", start_date="2025-06-01", end_date="2025-07-31")
    item.control("state", state="login_required", announce=False)
    sim.advance(5)
    assert receiver.wait_for(1)[0].body["result"] == "FAILURE"
    item.control("state", state="healthy")
    assert len(posted(item)[0]) == 3


def test_a_refresh_of_an_item_removed_meanwhile_sends_nothing(sim: Sim, receiver: Receiver) -> None:
    item, other = link(sim, webhook=receiver.url), link(sim, webhook=receiver.url)
    for one in (item, other):
        one.call("/statements/refresh", start_date="2025-06-01", end_date="2025-07-31")
    item.call("/item/remove")
    sim.advance(5)
    receiver.wait_for(1)
    assert [got.body["item_id"] for got in receiver.received] == [other.item_id]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "MISSING_FIELDS"),
        ({"start_date": "2026-01-01", "end_date": "soon"}, "INVALID_FIELD"),
        ({"start_date": "2026-02-01", "end_date": "2026-01-01"}, "INVALID_FIELD"),
        ({"start_date": "2026-01-01", "end_date": "2026-02-01", "account_id": "x"}, "UNKNOWN_FIELDS"),
    ],
)
def test_invalid_refreshes_are_refused(sim: Sim, fields: Json, code: str) -> None:
    assert code_of(link(sim), "/statements/refresh", **fields) == code


@pytest.mark.parametrize("state", STATES)
def test_a_known_statement_can_be_downloaded_only_while_the_item_is_healthy(sim: Sim, state: str) -> None:
    item = link(sim, str(LAST_MONTH), str(LAST_MONTH))
    statement_id = accounts(item)[0]["statements"][0]["statement_id"]
    STATES[state](item)
    answer = download(item, statement_id)
    others = item.sim.post("/accounts/get", {"access_token": item.access_token})
    assert answer.status_code == others.status_code
    if answer.status_code == 200:
        assert pages_of(answer.content)
    else:
        assert answer.json()["error_code"] == others.json()["error_code"]


def test_periods_survive_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with running_simulator(state=file) as sim:
        item = link(sim)
        before = accounts(item)
        content = download(item, before[0]["statements"][0]["statement_id"]).content
    with running_simulator(state=file) as sim:
        again = Linked(sim, item.item_id, item.access_token)
        assert accounts(again) == before
        assert download(again, before[0]["statements"][0]["statement_id"]).content == content


def test_plaid_python_lists_downloads_and_refreshes_statements(api: Api, sim: Sim) -> None:
    item = link(sim)
    listed = api.statements_list(token(item)).accounts
    statement = listed[0].statements[0]
    assert (statement.month, statement.year, statement.date_posted) == (3, 2026, date(2026, 3, 31))
    asked = token(item, statement_id=statement.statement_id)
    file, status, headers = api.statements_download(asked, _return_http_data_only=False)
    with file:
        content = file.read()
    Path(file.name).unlink()
    assert (status, headers["Content-Type"]) == (200, "application/pdf")
    assert headers["Plaid-Content-Hash"] == sha256(content).hexdigest()
    assert pages_of(content)
    period = {"start_date": date(2025, 1, 1), "end_date": date(2025, 2, 28)}
    assert api.statements_refresh(token(item, **period)).request_id
    with pytest.raises(plaid.ApiException, match="INVALID_FIELD"):
        api.statements_download(token(item, statement_id="unknown"))
