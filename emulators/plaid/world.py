"""The simulator's state and its changes.

Only the server's event loop accesses the state, and no change awaits anything half-way, so every call is atomic without
a lock.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from emulators.plaid import activity, announcements, health, institutions, usage
from emulators.plaid.clock import Clock
from emulators.plaid.cursors import CursorFormat
from emulators.plaid.errors import PlaidError
from emulators.plaid.faults import Faults, WebhookFaults
from emulators.plaid.ids import IdSource, well_formed
from emulators.plaid.items import Item, Readiness
from emulators.plaid.limits import Limits
from emulators.plaid.linktokens import LinkToken, Session
from emulators.plaid.outages import Outages
from emulators.plaid.people import Login, open_bank
from emulators.plaid.regions import AMERICA
from emulators.plaid.settings import US, Settings
from emulators.plaid.signing import KeyRing
from emulators.plaid.synclog import SyncLog
from emulators.plaid.webhooks import MakeWebhooks, Webhooks

Json = dict[str, Any]
PUBLIC_TOKEN_LIVES = timedelta(minutes=30)
SANDBOX_LOGIN_LIVES = timedelta(days=30)
WARNING_BEFORE_EXPIRY = timedelta(days=7)


@dataclass
class PublicToken:
    item_id: str
    expires: datetime


class World:
    """One simulated Plaid. With another clock and other webhooks, it runs without an event loop."""

    def __init__(self, settings: Settings, clock: Clock | None = None, webhooks: MakeWebhooks = Webhooks) -> None:
        self.settings = settings
        self.clock = clock or Clock()
        self.ids = IdSource(settings.seed)
        self.faults = Faults(self.ids.chance)
        self.webhook_faults = WebhookFaults(self.ids.chance)
        self.limits = Limits()
        self.keys = KeyRing(self.ids, self.clock.wall_time)
        self.webhooks = webhooks(self.clock, self.ids, self.keys, self.webhook_faults)
        self.cursors = CursorFormat(self.ids.secret_key("cursors"))
        self.items: dict[str, Item] = {}
        self.access_tokens: dict[str, str] = {}
        self.public_tokens: dict[str, PublicToken] = {}
        self.link_tokens: dict[str, LinkToken] = {}
        self.link_sessions: dict[str, Session] = {}
        self.institution_health: dict[str, health.InstitutionHealth] = {}
        self.outages = Outages(self)
        self.healthy_since = self.clock.now() - timedelta(days=2)
        self.changes = 0
        self.calls: Counter[str] = Counter()
        self.calls_of_item: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.errors: Counter[str] = Counter()
        self.misdirected: Counter[str] = Counter()  # tokens that arrived with the other team's keys, by endpoint

    def reset(self) -> None:
        """Resets everything except the settings and the signing keys."""
        self.webhooks.forget()
        self.clock.clear()
        self.faults.rules.clear()
        self.webhook_faults.rules.clear()
        self.limits.forget()
        for known in (self.items, self.access_tokens, self.public_tokens, self.link_tokens, self.link_sessions):
            known.clear()
        self.institution_health.clear()
        self.outages.forget()
        for counter in (self.calls, self.calls_of_item, self.errors, self.misdirected):
            counter.clear()

    def health_of(self, institution: institutions.Institution) -> health.InstitutionHealth:
        """The health of an institution as Plaid reports it, which the control API can change."""
        usual = health.usual(institution.health, self.healthy_since)
        return self.institution_health.setdefault(institution.institution_id, usual)

    # -- Items --------------------------------------------------------------------------------------------------

    def create_item(self, institution_id: str, products: list[str], **login: Any) -> Item:
        """Logs in at a bank and stores the Item. Raises the error of a failed bank or login."""
        item = self.log_in(institution_id, products, **login)
        self.keep_item(item)
        return item

    def log_in(
        self,
        institution_id: str,
        products: list[str],
        *,
        username: str = "user_good",
        password: str = "pass_good",  # noqa: S107 - Plaid's published test login
        webhook: str | None = None,
        days: int = 90,
        user_id: str | None = None,
        client_user_id: str | None = None,
        team: str = US,
    ) -> Item:
        """The Item of a login, not stored yet."""
        institution = institutions.find(institution_id)
        if not institution.products:
            raise PlaidError("ITEM_NOT_SUPPORTED")
        if unsupported := [product for product in products if not institution.supports(product)]:
            raise PlaidError("PRODUCTS_NOT_SUPPORTED", f"the institution does not support: {', '.join(unsupported)}")
        item_id = self.ids.opaque()
        self.outages.check_login(institution_id, item_id)
        login = Login(username, password, item_id, self.clock.today(), days, institution.persistent_account_ids)
        portfolio = open_bank(login)
        return Item(
            item_id,
            institution,
            list(dict.fromkeys(products)),
            self.clock.now(),
            portfolio,
            SyncLog(portfolio.history),
            webhook=webhook,
            login=login,
            user_id=user_id,
            client_user_id=client_user_id,
            team=team,
        )

    def keep_item(self, item: Item, unbilled: Iterable[str] = ()) -> None:
        """Stores a new Item. Its products are billed, except `unbilled` ones."""
        self.items[item.item_id] = item
        activity.record(item, "ITEM_IMPORT" if item.imported_as else "ITEM_CREATE", self.clock.now())
        self._start_login(item)
        for product in item.products:
            if product not in unbilled:
                usage.begin(item, product, self.clock.now())
        if "transactions" in item.products:
            self.begin_extraction(item)

    def item_by_token(self, access_token: str) -> Item:
        """The Item of an access token, whatever its state. Raises INVALID_ACCESS_TOKEN."""
        item_id = self.access_tokens.get(access_token)
        if item_id is None:
            if not well_formed("access", access_token):
                raise PlaidError(
                    "INVALID_ACCESS_TOKEN",
                    "provided access token is in an invalid format. expected format: access-<environment>-<identifier>",
                )
            raise PlaidError("INVALID_ACCESS_TOKEN")
        return self.items[item_id]

    def new_access_token(self, item: Item) -> str:
        """Gives the Item a new access token; the old one stops working at once."""
        if item.access_token:
            del self.access_tokens[item.access_token]
        item.access_token = self.ids.token("access")
        self.access_tokens[item.access_token] = item.item_id
        return item.access_token

    def new_public_token(self, item: Item) -> str:
        token = self.ids.token("public")
        self.public_tokens[token] = PublicToken(item.item_id, self.clock.now() + PUBLIC_TOKEN_LIVES)
        return token

    def redeem_public_token(self, token: str) -> Item:
        """Exchanges a public token, once and within 30 minutes. Raises INVALID_PUBLIC_TOKEN."""
        found = self.public_tokens.get(token)
        if found is None:
            if not well_formed("public", token):
                raise PlaidError(
                    "INVALID_PUBLIC_TOKEN",
                    "provided public token is in an invalid format. expected format: public-<environment>-<identifier>",
                )
            raise PlaidError("INVALID_PUBLIC_TOKEN")
        del self.public_tokens[token]
        if found.expires <= self.clock.now():
            raise PlaidError("INVALID_PUBLIC_TOKEN", "provided public token is expired")
        item = self.items[found.item_id]
        item.check_alive()
        return item

    # -- What happens to an Item --------------------------------------------------------------------------------

    def begin_extraction(self, item: Item) -> None:
        """Starts loading the history: 30 days first, then all of it."""
        if not item.extraction_began:
            item.extraction_began = True
            self.clock.after(self.settings.initial_after, lambda: self._initial_update(item))
            self.clock.after(self.settings.history_after, lambda: self._historical_update(item))

    def _initial_update(self, item: Item) -> None:
        if self._can_extract(item) and item.readiness is Readiness.NOT_READY:
            item.load_history(0, item.portfolio.recent)
            item.readiness, item.last_update = Readiness.INITIAL, self.clock.now()
            self.webhooks.send(item, announcements.initial_update(item.portfolio.recent))
            self.announce_sync(item)

    def _historical_update(self, item: Item) -> None:
        self._initial_update(item)
        if self._can_extract(item) and item.readiness is Readiness.INITIAL:
            total = len(item.portfolio.history)
            item.load_history(item.portfolio.recent, total)
            item.readiness, item.last_update = Readiness.HISTORICAL, self.clock.now()
            self.webhooks.send(item, announcements.historical_update(total - item.portfolio.recent))
            self.announce_sync(item)

    def _can_extract(self, item: Item) -> bool:
        """Whether the Item can load history: its login works and its bank delivers. If not, loading restarts later."""
        stopped = item.readiness is item.history_stops_at or self.outages.silences(item)
        if item.error or item.revoked or item.removed or stopped:
            item.extraction_began = False
            return False
        return True

    def announce_sync(self, item: Item) -> None:
        """Sends SYNC_UPDATES_AVAILABLE, but only after the first call of /transactions/sync, and not in an outage."""
        if item.sync_called and not self.outages.silences(item):
            self.webhooks.send(item, announcements.sync_updates_available(item.readiness))

    def announce_changes(self, item: Item, before: int, removed: list[str]) -> None:
        """Sends the webhooks for changes to the log since its length was `before`, if any; none in an outage."""
        if len(item.log) == before or self.outages.silences(item):
            return
        item.last_update = self.clock.now()
        self.announce_sync(item)
        if new := len(item.log) - before - len(removed):
            self.webhooks.send(item, announcements.default_update(new))
        if removed:
            self.webhooks.send(item, announcements.transactions_removed(removed))

    def fail_item(self, item: Item, code: str, *, reason: str | None = None, announce: bool = True) -> None:
        """Puts the Item into an error that its user must repair."""
        item.error, item.error_reason, item.last_failed_update = code, reason, self.clock.now()
        if announce:
            self.webhooks.send(item, announcements.item_error(code, reason))

    def heal_item(self, item: Item, *, announce: bool = False) -> None:
        """Repairs the Item, as update mode does. LOGIN_REPAIRED, for repairs elsewhere, is sent only on request."""
        item.check_alive()
        item.error = item.error_reason = None
        activity.record(item, "ITEM_UPDATE", self.clock.now())
        self._start_login(item)
        if "transactions" in item.products and item.readiness is not Readiness.HISTORICAL:
            self.begin_extraction(item)
        if announce:
            self.webhooks.send(item, announcements.login_repaired())

    def revoke_item(self, item: Item, *, announce: bool = True) -> None:
        """Revokes the Item, as a user does at my.plaid.com."""
        item.revoked = True
        activity.record(item, "PORTAL_UNLINK", self.clock.now())
        item.bill.end(self.clock.today())
        if announce:
            self.webhooks.send(item, announcements.user_permission_revoked())

    def remove_item(self, item: Item) -> None:
        item.removed = True
        activity.record(item, "ITEM_REMOVE", self.clock.now())
        item.bill.end(self.clock.today())
        item.webhook = None

    def expire_consent(self, item: Item, when: datetime) -> None:
        """Sets the end of the Item's consent; a webhook warns seven days before."""
        item.consent_expires = when
        self._arm_consent(item, when)

    def arm(self, item: Item) -> None:
        """Sets the timers of the Item's login and consent."""
        login = item.logins
        if item.login_expires:
            self.clock.at(item.login_expires, lambda: self._expire(item, login, None, None))
        if item.consent_expires:
            self._arm_consent(item, item.consent_expires)

    def _arm_consent(self, item: Item, when: datetime) -> None:
        login = item.logins
        self.clock.at(when - WARNING_BEFORE_EXPIRY, lambda: self._warn(item, login, when))
        self.clock.at(when, lambda: self._expire(item, login, when, "OAUTH_CONSENT_EXPIRED"))

    def _start_login(self, item: Item) -> None:
        """Starts the login's lifetime: 30 days in the Sandbox, and the bank's own consent period.

        Outside the US and Canada only the consent ends, so that its 180 days can be seen.
        """
        item.logins += 1
        american = not AMERICA.isdisjoint(item.institution.countries)
        item.login_expires = self.clock.now() + SANDBOX_LOGIN_LIVES if american else None
        if item.institution.consent_days:
            item.consent_expires = self.clock.now() + timedelta(days=item.institution.consent_days)
        self.arm(item)

    def _still(self, item: Item, login: int, consent: datetime | None) -> bool:
        gone = item.removed or item.revoked or self.items.get(item.item_id) is not item
        return not gone and item.logins == login and consent in {None, item.consent_expires}

    def _warn(self, item: Item, login: int, when: datetime) -> None:
        if self._still(item, login, when) and not item.error:
            american = not AMERICA.isdisjoint(item.institution.countries)
            body = announcements.pending_disconnect(when) if american else announcements.pending_expiration(when)
            self.webhooks.send(item, body)

    def _expire(self, item: Item, login: int, consent: datetime | None, reason: str | None) -> None:
        if self._still(item, login, consent) and not item.error:
            self.fail_item(item, "ITEM_LOGIN_REQUIRED", reason=reason)
