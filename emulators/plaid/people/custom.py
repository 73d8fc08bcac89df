"""`user_custom`: a login whose password is the JSON of a Sandbox custom user.

Source: plaid.com/docs/sandbox/user-custom. The file is read leniently: keys may be missing, null,
unknown or of the wrong type. Given values are returned unchanged; missing ones are generated, always the same for the
same seed. Transactions: `description` becomes `name`, `date_posted` `date`, `date_transacted`
`authorized_date`, `currency` `iso_currency_code`; a `date_posted` in the future makes a pending transaction.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from hashlib import blake2b

from emulators.plaid import wire
from emulators.plaid.bank import Account, Portfolio, portfolio
from emulators.plaid.errors import CATALOGUE, PlaidError
from emulators.plaid.ids import derive
from emulators.plaid.merchants import recognise
from emulators.plaid.people import custom_products, good
from emulators.plaid.people.reading import Json, currencies, day, list_of, mapping, number, one_of, text
from emulators.plaid.people.rolling import roll_forward
from emulators.plaid.transactions import Booking
from emulators.plaid.wire import words

TYPES = ("depository", "credit", "loan", "investment", "brokerage", "other")
SUBTYPES = words(
    "401a,401k,403B,457b,529,auto,brokerage,business,cash isa,cash "
    "management,cd,checking,commercial,construction,consumer,credit card,crypto exchange,ebt,education savings"
    " account,fhsa,fixed annuity,gic,health reimbursement arrangement,home equity,hsa,isa,ira,keogh,lif,life "
    "insurance,limited purpose checking,line of credit,lira,loan,lrif,lrsp,money market,mortgage,mutual "
    "fund,non-custodial wallet,non-taxable brokerage account,other,other insurance,other "
    "annuity,overdraft,paypal,payroll,pension,prepaid,prif,profit sharing "
    "plan,qshr,rdsp,resp,retirement,rlif,roth,roth 401k,roth 403B,roth 457b,roth pension,roth profit sharing "
    "plan,roth thrift savings plan,rrif,rrsp,sarsep,savings,sep ira,simple ira,sipp,stock plan,student,thrift "
    "savings plan,tfsa,trust,ugma,utma,variable annuity",
    ",",
)
_DEFAULT_SUBTYPE = {
    "depository": "checking",
    "credit": "credit card",
    "loan": "student",
    "investment": "brokerage",
    "brokerage": "brokerage",
}
_INFLOW_MONTHS = 3
_LAST_DAY = 31
HOLDERS = ("personal", "business", "unrecognized")


def open_bank(password: str, item_id: str, today: date) -> Portfolio:
    """Raises INVALID_CREDENTIALS for a password that is not a JSON object, and any error that the file requests."""
    try:
        config = wire.loads(password)
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise PlaidError("INVALID_CREDENTIALS", "the password of user_custom must be the JSON of a custom user")
    if forced := text(config.get("force_error")):
        raise PlaidError(forced, error_type=None if forced in CATALOGUE else "ITEM_ERROR")
    seed = text(config.get("seed")) or ""
    written = list_of(config.get("override_accounts"))
    if config.get("roll_dates_forward") is True:
        written = roll_forward(written, today)
    if not written:
        return good.open_bank(item_id, today, 90)
    accounts: list[Account] = []
    bookings: list[Booking] = []
    for place, override in enumerate(written):
        account, its_bookings = read_account(override, place, item_id, today, seed)
        accounts.append(account)
        bookings += its_bookings
    return portfolio(accounts, bookings, today)


def read_account(
    override: Json, place: int, item_id: str, today: date, seed: str = ""
) -> tuple[Account, list[Booking]]:
    """One entry of `override_accounts`: the account and its transactions."""
    account = _account(override, place, item_id, seed)
    transactions = [*_transactions(override, account, item_id, today), *_inflow(override, account, item_id, today)]
    return account, transactions


def _account(override: Json, place: int, item_id: str, seed: str) -> Account:
    meta, liability = mapping(override.get("meta")), mapping(override.get("liability"))
    kind = (text(override.get("type")) or "depository").lower()
    kind = kind if kind in TYPES else "other"
    subtype = _subtype(override, kind)
    invented = int.from_bytes(blake2b(f"{seed}\0{place}".encode(), digest_size=4).digest(), "big")
    current = number(override.get("starting_balance"))
    if current is None:
        current = number(liability.get("principal"))
    if current is None:
        current = Decimal(invented % 900_000) / 100
    currency, unofficial = currencies(override.get("currency"), ("USD", None))
    identifier = derive(item_id, "account", place)
    account = Account(
        identifier,
        text(meta.get("name")) or f"Plaid {(subtype or kind).title()}",
        kind,
        subtype,
        current=current,
        available=_available(override, kind, current),
        limit=number(meta.get("limit")),
        apy=number(meta.get("apy")),
        currency=currency,
        unofficial_currency=unofficial,
        official_name=text(meta.get("official_name")),
        mask=_mask(override, meta, f"{invented % 10_000:04d}"),
        holder_category=one_of(override.get("holder_category"), HOLDERS, "personal"),
    )
    custom_products.attach(account, override, item_id)
    return account


def _mask(override: Json, meta: Json, otherwise: str) -> str:
    """The written mask, even if empty, or the end of the account number, which is the IBAN if there is no other."""
    if meta.get("mask") == "":
        return ""
    numbers = mapping(override.get("numbers"))
    written = text(numbers.get("account")) or text(numbers.get("international_iban")) or ""
    return text(meta.get("mask")) or written[-4:] or otherwise


def _subtype(override: Json, kind: str) -> str | None:
    """The subtype in Plaid's spelling; null if Plaid does not have it."""
    written = text(override.get("subtype"))
    if written is None:
        return _DEFAULT_SUBTYPE.get(kind)
    return next((known for known in SUBTYPES if known.lower() == written.lower()), None)


def _available(override: Json, kind: str, current: Decimal | int | None) -> Decimal | int | None:
    if override.get("has_null_available_balance") is True:
        return None
    forced = number(override.get("force_available_balance"))
    return current if forced is None and kind == "depository" else forced


def _transactions(override: Json, account: Account, item_id: str, today: date) -> Iterator[Booking]:
    for place, written in enumerate(list_of(override.get("transactions"))):
        keys = ("date_transacted", "date_posted", "amount", "description", "currency")
        if all(written.get(key) is None for key in keys):
            continue
        authorized = day(written.get("date_transacted"))
        posted = day(written.get("date_posted")) or authorized or str(today)
        description = text(written.get("description")) or ""
        amount = number(written.get("amount"))
        iso, unofficial = currencies(written.get("currency"), (account.currency, account.unofficial_currency))
        yield Booking(
            derive(item_id, "transaction", account.account_id, place),
            account.account_id,
            0 if amount is None else amount,
            posted,
            description,
            authorized=authorized,
            currency=iso,
            unofficial_currency=unofficial,
            pending=posted > str(today),
            merchant=recognise(description),
        )


def _inflow(override: Json, account: Account, item_id: str, today: date) -> Iterator[Booking]:
    """The regular income or payments of `inflow_model`, in addition to the listed transactions."""
    model = mapping(override.get("inflow_model"))
    amount = _inflow_amount(model, override, account)
    if amount is None:
        return
    on = model.get("payment_day_of_month")
    wanted = _LAST_DAY if on == "last" else wire.decimal(on)
    month = today.replace(day=1)
    for _ in range(_INFLOW_MONTHS + 1):
        last = (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        when = month.replace(day=min(max(int(wanted or 1), 1), last.day))
        if when <= today:
            yield Booking(
                derive(item_id, "inflow", account.account_id, str(when)),
                account.account_id,
                -amount,
                when,
                text(model.get("transaction_name")) or "PAYMENT",
                authorized=when,
                currency=account.currency,
                unofficial_currency=account.unofficial_currency,
            )
        month = (month - timedelta(days=1)).replace(day=1)


def _inflow_amount(model: Json, override: Json, account: Account) -> Decimal | int | None:
    match text(model.get("type")):
        case "monthly-income":
            return number(model.get("income_amount"))
        case "monthly-balance-payment":
            return account.current
        case "monthly-interest-only-payment":
            liability = mapping(override.get("liability"))
            rate = wire.decimal(liability.get("nominal_apr")) or wire.decimal(liability.get("purchase_apr"))
            return None if rate is None or not account.current else round(account.current * rate / 1200, 2)
        case _:
            return None
