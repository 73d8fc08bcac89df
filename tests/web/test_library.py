"""Unit tests of the client library."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.web.library import Library, client_library


@pytest.fixture(scope="module")
def library() -> Iterator[Library]:
    with client_library() as running:
        yield running


def row(amount: float, primary: str | None, own: str | None = None, day: str = "2026-03-10") -> dict[str, Any]:
    category = primary and {"primary": primary}
    user = {"user": {"category": own}} if own else {}
    base = {"date": day, "amount": str(amount), "amount_value": amount, "iso_currency_code": "USD", "name": "Shop 12"}
    return {**base, "category": category, **user}


@pytest.mark.parametrize(
    ("one", "counts"),
    [
        (row(80, "TRAVEL"), True),
        (row(-30, "TRAVEL"), True),  # a refund
        (row(-30, "TRAVEL", "Holiday"), True),
        (row(80, "TRANSFER_OUT", "Rent"), True),  # the user's category takes precedence
        (row(-3000, "INCOME", "Salary"), False),
        (row(-500, "TRANSFER_IN", "From Ann"), False),
        (row(-9000, "LOAN_DISBURSEMENTS"), False),
        (row(-9000, "LOAN_DISBURSEMENTS", "Car"), False),
        (row(-20, None), False),
        (row(20, None), True),
    ],
)
def test_incoming_money_is_a_refund_unless_the_bank_calls_it_income(
    one: dict[str, Any], counts: bool, library: Library
) -> None:
    [month] = library("spending.ts", f"addUp([{json.dumps(one)}], 'USD', ['2026-03']).months")
    assert month["total"] == (one["amount_value"] if counts else 0)


def test_a_share_is_of_all_spending_and_a_negative_category_has_none(library: Library) -> None:
    rows = json.dumps([row(30, "TRAVEL"), row(10, "MEDICAL"), row(-80, "GENERAL_MERCHANDISE"), row(0, "OTHER")])
    spending = json.dumps(library("spending.ts", f"addUp({rows}, 'USD', ['2026-03'])"))
    shares = f"({spending}).categories.map((one) => [one.category, shareOf(one.total, {spending})])"
    assert library("spending.ts", shares) == [["TRAVEL", 0.75], ["MEDICAL", 0.25], ["GENERAL_MERCHANDISE", None]]
    assert json.loads(spending)["total"] == -40


def test_a_category_whose_exact_sum_is_zero_is_left_out(library: Library) -> None:
    rows = json.dumps([row(10.1, "TRAVEL"), row(20.2, "TRAVEL"), row(-30.3, "TRAVEL")])
    assert library("spending.ts", f"addUp({rows}, 'USD', ['2026-03'])")["categories"] == []


def test_an_empty_user_category_falls_back_to_the_bank_category(library: Library) -> None:
    one = json.dumps({**row(1, "TRAVEL"), "user": {"category": "", "note": "a note"}})
    assert library("feed.ts", f"categoryOf({one})") == "TRAVEL"


def test_available_credit_is_not_a_debt(library: Library) -> None:
    balances = {"current": None, "available": "900", "iso_currency_code": "USD"}
    accounts = json.dumps([{"type": kind, "balances": balances} for kind in ("depository", "credit")])
    assert library("balances.ts", f"{accounts}.map(balanceOf)") == ["900", None]
    [sums] = library("balances.ts", f"balancesOf({accounts})")
    assert (sums["assets"], sums["debts"], sums["net"]) == ("900", "0", "900")


def test_an_account_that_is_connected_twice_is_counted_once(library: Library) -> None:
    here = {"type": "depository", "balances": {"current": "100", "available": None, "iso_currency_code": "USD"}}
    owed = {"type": "credit", "balances": {"current": "30", "available": None, "iso_currency_code": "USD"}}
    there = {"connection_id": "1", "account_id": "a"}
    accounts = [here | {"duplicate_of": None}, here | {"duplicate_of": there}, owed, owed | {"duplicate_of": there}]
    [sums] = library("balances.ts", f"balancesOf({json.dumps(accounts)})")
    assert (sums["assets"], sums["debts"], sums["net"]) == ("100", "30", "70")
    only_duplicates = json.dumps([here | {"duplicate_of": there}])
    assert library("balances.ts", f"balancesOf({only_duplicates})") == []


def test_spending_from_an_account_that_is_connected_twice_counts_once(library: Library) -> None:
    rows = json.dumps([row(80, "TRAVEL") | {"account_id": name} for name in ("one", "copy", "unknown")])
    accounts = json.dumps(
        [{"account_id": "one"}, {"account_id": "copy", "duplicate_of": {"connection_id": "1", "account_id": "one"}}]
    )
    counted = library("duplicates.ts", f"countedOnly({rows}, {accounts})")
    assert [one["account_id"] for one in counted] == ["one", "unknown"]


def test_a_refused_duplicate_names_the_accounts_that_are_connected_already(library: Library) -> None:
    named = [{"account_id": "a", "name": "Daily", "mask": "1111"}]
    for details, accounts in (({"accounts": named}, named), ({}, [])):
        given = json.dumps({"code": "functions/already-exists", "details": {"code": "duplicate_connection", **details}})
        assert library("errors.ts", f"toBankError({given}).accounts") == accounts


def test_a_user_who_may_not_connect_a_bank_learns_what_to_do(library: Library) -> None:
    for code, way in (("email_not_verified", "verify_email"), ("anonymous_not_allowed", "sign_in")):
        given = json.dumps({"code": "functions/permission-denied", "details": {"code": code}})
        found = library("errors.ts", f"toBankError({given})")
        assert found["code"] == code
        assert library("errors.ts", f"[toBankError({given}).wayOn, toBankError({given}).wantsNewToken]") == [way, True]


@pytest.mark.parametrize(
    ("amount", "currency", "language", "shown"),
    [
        ("52989.265957", "USD", "en", "$52,989.27"),
        ("52989.265957", "USD", "es", "52.989,27 US$"),
        ("0.005", "USD", "en", "$0.01"),
        ("-12", "USD", "en", "-$12.00"),
        ("-0.004", "USD", "en", "$0.00"),
        ("9007199254740993.01", "USD", "en", "$9,007,199,254,740,993.01"),  # more digits than a double holds
        ("1234.5", "JPY", "en", "¥1,235"),
        ("1234.5", "GBP", "en-GB", "£1,234.50"),
        ("1234.5", "EUR", "de", "1.234,50 €"),
        ("-1234.5", "EUR", "de-AT", "-€ 1.234,50"),
        ("12345.6", "CHF", "de-CH", "CHF 12’345.60"),
        ("1234.5", "EUR", "fr", "1 234,50 €"),
        ("1234.5", "CAD", "fr-CA", "1 234,50 $"),
        ("1234.5", "CAD", "en-CA", "$1,234.50"),
        ("1.23456", "KWD", "en", "KWD 1.235"),
    ],
)
def test_money_is_rounded_to_the_decimals_of_its_currency(
    amount: str, currency: str, language: str, shown: str, library: Library
) -> None:
    of = json.dumps({"iso_currency_code": currency, "unofficial_currency_code": None})
    found = library("money.ts", f"money('{amount}', {of}, '{language}')")
    assert re.sub(r"\s", " ", found).replace("'", "’") == shown


def test_money_in_a_currency_without_an_iso_code_keeps_every_digit(library: Library) -> None:
    of = "{ iso_currency_code: null, unofficial_currency_code: 'BTC' }"
    for show in ("money", "wholeMoney"):
        assert library("money.ts", f"{show}('0.00123', {of}, 'en')") == "0.00123\N{NO-BREAK SPACE}BTC"
    assert library("money.ts", f"money('12', {of}, 'en')") == "12.00\N{NO-BREAK SPACE}BTC"
    nameless = "{ iso_currency_code: null, unofficial_currency_code: null }"
    assert library("money.ts", f"money('12', {nameless}, 'en')") == "12.00"


@pytest.mark.parametrize("field", ["iso_currency_code", "unofficial_currency_code"])
@pytest.mark.parametrize(
    ("amount", "code", "language", "shown"),
    [
        ("1234", "GBX", "en-GB", "1,234p"),
        ("1234.5", "GBp", "en", "1,234.5p"),
        ("-0.125", "GBX", "en", "-0.125p"),
        ("1234.5", "GBX", "de", "1.234,5 GBX"),
        ("1234", "GBp", "fr", "1 234 GBp"),
        ("15000", "ZAc", "en", "15,000 ZAc"),
    ],
)
def test_prices_in_pence_are_no_pounds_and_have_no_decimals_of_their_own(
    field: str, amount: str, code: str, language: str, shown: str, library: Library
) -> None:
    of = json.dumps({"iso_currency_code": None, "unofficial_currency_code": None} | {field: code})
    for show in ("money", "wholeMoney"):
        assert re.sub(r"\s", " ", library("money.ts", f"{show}('{amount}', {of}, '{language}')")) == shown


def test_the_scale_of_a_chart_has_no_decimals(library: Library) -> None:
    for currency, shown in (("USD", "$1,235"), ("KWD", "KWD 1,235")):
        of = json.dumps({"iso_currency_code": currency, "unofficial_currency_code": None})
        assert library("money.ts", f"wholeMoney('1234.5', {of}, 'en')").replace("\N{NO-BREAK SPACE}", " ") == shown


def test_a_share_is_a_whole_percentage_as_each_language_writes_it(library: Library) -> None:
    assert library("money.ts", "percent(0.3666, 'en')") == "37%"
    assert library("money.ts", "percent(0.3666, 'es')") == "37\N{NO-BREAK SPACE}%"


def test_a_cut_history_is_complete_from_the_day_after_its_last_row_on(library: Library) -> None:
    days = library("days.ts", "['2026-02-28', '2024-02-28', '2026-12-31'].map(dayAfter)")
    assert days == ["2026-03-01", "2024-02-29", "2027-01-01"]


def test_an_amount_is_read_with_a_decimal_comma_and_with_a_point(library: Library) -> None:
    written = {
        "89.40": 89.4,
        "89,4": 89.4,
        "-12,50 €": 12.5,
        "$1,234.56": 1234.56,
        "1.234,56": 1234.56,
        "1.234.567": 1234567,
        "1 234,56 €": 1234.56,
        "12\u202f345,60\u00a0$US": 12345.6,
        "CHF-12’345.60": 12345.6,
        "chf 12'345": 12345,
        "CA$1,234": 1234,
        "1,234.5p": 1234.5,
        "1 23": None,
        "abc 12": None,
        "1,234": 1234,
        "0.125": 0.125,
        "12": 12,
        "": None,
        "12a": None,
        "1.2.3": None,
        "Shop": None,
    }
    sizes = library("money.ts", f"{json.dumps([*written])}.map((one) => sizeIn(one) ?? null)")
    assert dict(zip(written, sizes, strict=True)) == written


@pytest.mark.parametrize(
    ("words", "fits"),
    [
        ("89,4", True),
        ("89.40", True),
        ("89,40 shop", True),
        ("89,40 €", True),
        ("89", True),
        ("shop 12", True),
        ("98,4", False),
    ],
)
def test_a_search_finds_an_amount_as_people_write_it(words: str, fits: bool, library: Library) -> None:
    assert library("feed.ts", f"matches({json.dumps(row(89.4, None))}, {{ text: {json.dumps(words)} }})") is fits


FEED = """(() => {
  let read = 0;
  const row = (i) => ({
    id: `${i}`, ref: { path: `${i}` }, get: () => "2026-03-10",
    data: () => (read++, { date: "2026-03-10", transaction_id: i, amount_value: 1 }),
  });
  const feed = new Feed({}, {});
  const live = (docs, removed = []) => feed.headChanged({
    docs, size: docs.length, metadata: {}, docChanges: () => removed.map((doc) => ({ type: "removed", doc })),
  });
  const rows = Array.from({ length: 53 }, (_, i) => row(999 - i));
  live(rows.slice(3));
  feed.busy = true; // the first older page is on its way
  live(rows.slice(0, 50), rows.slice(50));
  feed.amend("947", (one) => ({ ...one, user: { note: "a note" } }));
  const { rows: shown } = feed.value;
  return [shown.map((one) => one.transaction_id), read, shown.at(-1).user];
})()"""


def test_rows_pushed_out_of_the_live_page_stay_and_each_is_read_once(library: Library) -> None:
    shown, read, user = library("feed.ts", FEED)
    assert shown == [*range(999, 999 - 53, -1)]
    assert read == 53
    assert user == {"note": "a note"}


ATTEMPTS = """(async () => {
  let calls = 0;
  const refused = (code) => Object.assign(new Error(), { code: "functions/x", details: { code } });
  const call = async () => { calls++; if (calls <= %(times)d) throw refused(%(code)r); return "done"; };
  const came = await patiently(call, 1).catch((error) => error.code);
  return [came, calls];
})()"""


@pytest.mark.parametrize(
    ("code", "times", "came"),
    [
        ("exchange_in_progress", 2, ["done", 3]),
        ("store_unavailable", 9, ["store_unavailable", 6]),  # it gives up after six attempts, and the user can retry
        ("public_token_invalid", 1, ["public_token_invalid", 1]),  # this needs a new Link session
        ("duplicate_connection", 1, ["duplicate_connection", 1]),
    ],
)
def test_only_transient_errors_are_retried(code: str, times: int, came: list[object], library: Library) -> None:
    assert library("patience.ts", ATTEMPTS % {"code": code, "times": times}) == came


def test_a_late_listener_is_notified_repeatedly_until_the_server_answers(library: Library) -> None:
    waited, told = library(
        "reach.ts",
        """(() => {
          const { setTimeout, clearTimeout } = globalThis;
          const timers = [], told = [], waited = [];
          globalThis.setTimeout = (run, ms) => (waited.push(ms), timers.push(run));
          globalThis.clearTimeout = (timer) => timer && (timers[timer - 1] = () => undefined);
          const pass = () => timers.splice(0).forEach((run) => run());
          const first = expectAnswer(() => told.push("first"));
          pass();
          const second = expectAnswer(() => told.push("second"));
          first.wait();
          pass();
          first.answered();
          second.answered();
          pass();
          first.wait();
          Object.assign(globalThis, { setTimeout, clearTimeout });
          return [waited, told];
        })()""",
    )
    assert told == ["first", "first", "second"]
    patience = library("reach.ts", "PATIENCE")
    assert waited[0] == patience
    assert waited[2] < patience, "others wait in vain already"
    assert waited[-1] == patience, "it lost the server again"


def test_a_search_finds_an_amount_whose_thousands_are_grouped_by_a_space(library: Library) -> None:
    shop = json.dumps(row(1234.56, None))
    for text, fits in (("1 234,56", True), ("1\u202f234,56 €", True), ("1 234,57", False)):
        assert library("feed.ts", f"matches({shop}, {{ text: {json.dumps(text)} }})") is fits
