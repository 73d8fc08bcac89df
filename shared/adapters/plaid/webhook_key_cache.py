"""Fetches and caches the keys that verify Plaid's webhooks.

Keys are fetched by the id in the token's header. Before verification, an attacker can choose that id, so ids that Plaid
does not know are cached, too. Unknown ids are looked up at most UNKNOWN_PER_MINUTE times a minute in the whole project,
and a known id once a minute per instance, so no sender can make the backend flood Plaid. The ids of Plaid's real keys
are stored, so that a new instance knows them even during a flood of other ids. Webhooks to the secret address, which
only Plaid knows, have a separate limit (webhook_address).

With two key pairs, an unknown id is looked up with the pair of the item's connection; if there is none, with both. Each
of these calls counts. The item is read from an unverified body, so it decides nothing else. The pair that knows a key
is stored with it.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import jwt

from shared.domain.errors import Conflict, ProviderError, Unavailable
from shared.domain.region import Region
from shared.log import log
from shared.ports import Clock, Executors, WebhookKeys

KEY_KEPT = timedelta(hours=4)
UNKNOWN_KEPT = timedelta(minutes=5)
MAX_KEYS = 256
MAX_FETCHES_PER_MINUTE = 6  # of known keys, per instance; of unknown ones only while the store does not respond
UNKNOWN_PER_MINUTE = 10  # of unknown keys, over all instances
FRESH = timedelta(minutes=1)  # a key fetched this recently is not fetched again
UNKNOWN_TO_PLAID = "INVALID_WEBHOOK_VERIFICATION_KEY_ID"
SEEN_READ_EVERY = timedelta(minutes=1)
ANY_ADDRESS, OUR_ADDRESS = "unknown_keys", "unknown_keys_at_our_address"  # each has its own limit of look-ups

FetchKey = Callable[[str, Region], dict[str, Any]]
"""Fetches the JWK of a key id from Plaid, with a key pair; raises ProviderError."""
RegionOf = Callable[[bytes], Region | None]
"""Finds the key pair of the item in an unverified body; None if no connection has the item."""


@dataclass(frozen=True, slots=True)
class CachedKey:
    """What Plaid said about a key id.

    Attributes:
        key: None: none of the asked pairs knows the id.
        regions: The key pairs that were asked; of a key, the one that knows it.
        expired_at: When Plaid retired the key.
        since: When Plaid was asked.
        until: When Plaid must be asked again.
    """

    key: Any | None
    regions: frozenset[Region]
    expired_at: datetime | None
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class WantedKey:
    """A key id to look up, and the unverified webhook that names it."""

    kid: str
    body: bytes
    to_our_address: bool


class WebhookKeyCache:
    """Caches Plaid's keys.

    Args:
        fetch_key: Fetches a key.
        regions: The key pairs of this backend.
        region_of: Finds the key pair of a webhook's item.
        stored: The stored ids of Plaid's keys.
        clock: The clock.
        executors: Creates the only worker that looks up keys.
    """

    def __init__(
        self,
        *,
        fetch_key: FetchKey,
        regions: Sequence[Region],
        region_of: RegionOf,
        stored: WebhookKeys,
        clock: Clock,
        executors: Executors,
    ) -> None:
        self._fetch_key = fetch_key
        self._regions = tuple(regions)
        self._region_of = region_of
        self._stored = stored
        self._seen: dict[str, Region] = {}
        self._seen_at: datetime | None = None
        self._clock = clock
        self._keys: dict[str, CachedKey] = {}
        self._fetches: dict[bool, deque[datetime]] = {known: deque() for known in (True, False)}
        self._used_up_until: dict[str, datetime] = {}
        self._look_ups = executors(1, "webhook-keys")

    def find(self, wanted: WantedKey, *, fresh: bool) -> tuple[CachedKey, bool]:
        """The key, and whether fetching it again would be too early.

        Raises:
            Unavailable: The key could not be fetched, or too many unknown keys were looked up in this minute.
        """
        kept = self._keys.get(wanted.kid)
        if kept is not None and not fresh and self._is_conclusive(kept, self._clock.now()):
            return kept, False  # without the worker, so that look-ups do not delay known keys
        # One worker does all look-ups, one after the other, so that a burst of webhooks fetches a key once.
        return self._look_ups.submit(partial(self._look_up, wanted, fresh=fresh)).result()

    def _is_conclusive(self, kept: CachedKey, now: datetime) -> bool:
        """Whether a cached answer holds for every webhook: it is a key, or no pair knows the id."""
        return now < kept.until and (kept.key is not None or kept.regions.issuperset(self._regions))

    def _look_up(self, wanted: WantedKey, *, fresh: bool) -> tuple[CachedKey, bool]:
        """The key from the cache or from Plaid, and whether fetching it again would be too early."""
        now, kid = self._clock.now(), wanted.kid
        kept = self._keys.get(kid)
        if kept is not None and self._is_conclusive(kept, now) and not (fresh and now - kept.since >= FRESH):
            return kept, fresh
        is_key = kept is not None and kept.key is not None
        region = next(iter(kept.regions)) if kept is not None and is_key else self._known(now).get(kid)
        if region is None:
            found = self._searched(wanted, kept if kept is not None and now < kept.until else None, now)
        else:
            found = self._fetch(kid, region, now) if self._may_fetch(now, known=True) else None
        if found is None and kept is not None and is_key:
            return kept, True  # a stale key is better than refusing Plaid
        if found is None:
            # Not 401, which could be final: the webhook may be from Plaid, with a new key.
            raise Unavailable("too many unknown keys; retry later", code="webhook_keys_busy", retry_after_seconds=60)
        self._cache(kid, found)
        if found.key is not None:
            self._store_known(kid, next(iter(found.regions)), now)
        return found, True

    def _searched(self, wanted: WantedKey, unknown: CachedKey | None, now: datetime) -> CachedKey | None:
        """Looks up an unknown key with the pair of the item's connection, or with each pair.

        The first look-up is counted before the item is, so that no sender can cause unlimited reads.

        Args:
            wanted: The key.
            unknown: The pairs that were asked already, and do not know the key.
            now: The present.

        Returns:
            The answer; None if the limit of look-ups is reached.
        """
        asked = unknown.regions if unknown is not None else frozenset[Region]()
        may_ask = self._may_look_up(now, to_our_address=wanted.to_our_address)
        own = self._region_of(wanted.body) if may_ask and len(self._regions) > 1 else None
        left = [region for region in ((own,) if own is not None else self._regions) if region not in asked]
        found = unknown
        for number, region in enumerate(left):
            if not (may_ask if number == 0 else self._may_look_up(now, to_our_address=wanted.to_our_address)):
                return None
            asked |= {region}
            found = self._fetch(wanted.kid, region, now)
            if found.key is not None:
                return found
            found = replace(found, regions=asked)
        return found

    def _cache(self, kid: str, kept: CachedKey) -> None:
        self._keys.pop(kid, None)
        if len(self._keys) >= MAX_KEYS:
            self._keys.pop(next((old for old, one in self._keys.items() if one.key is None), next(iter(self._keys))))
        self._keys[kid] = kept

    def _known(self, now: datetime) -> dict[str, Region]:
        """The ids of Plaid's keys and their pairs, read from the store at most once a minute."""
        if self._seen_at is None or now - self._seen_at >= SEEN_READ_EVERY:
            self._seen_at = now
            with suppress(Unavailable):
                self._seen |= self._stored.seen()
        return self._seen

    def _store_known(self, kid: str, region: Region, now: datetime) -> None:
        if kid in self._seen:
            return
        self._seen[kid] = region
        try:
            self._stored.add(kid, region, now=now)
        except (Conflict, Unavailable):
            log.warning("webhook.key_not_kept")  # the next instance that fetches it tries again

    def _may_look_up(self, now: datetime, *, to_our_address: bool) -> bool:
        """Whether an unknown key may be looked up. The store counts; beyond the limit, it is not called."""
        bucket = OUR_ADDRESS if to_our_address else ANY_ADDRESS
        if now < self._used_up_until.get(bucket, now):
            return False
        try:
            wait = self._stored.spend(bucket, per_minute=UNKNOWN_PER_MINUTE, now=now)
        except Unavailable:
            return self._may_fetch(now, known=False)
        if wait is not None:
            self._used_up_until[bucket] = now + timedelta(seconds=wait)
        return wait is None

    def _may_fetch(self, now: datetime, *, known: bool) -> bool:
        """Whether this instance may fetch a key. Unknown ids are counted separately, so they never block known keys."""
        fetches = self._fetches[known]
        while fetches and now - fetches[0] > timedelta(minutes=1):
            fetches.popleft()
        if len(fetches) >= MAX_FETCHES_PER_MINUTE:
            return False
        fetches.append(now)
        return True

    def _fetch(self, kid: str, region: Region, now: datetime) -> CachedKey:
        asked = frozenset([region])
        unknown = CachedKey(key=None, regions=asked, expired_at=None, since=now, until=now + UNKNOWN_KEPT)
        try:
            jwk = self._fetch_key(kid, region)
        except ProviderError as error:
            if error.error_code != UNKNOWN_TO_PLAID:
                raise Unavailable(
                    "Plaid's key could not be fetched; retry later", code="webhook_key_unavailable"
                ) from error
            return unknown
        try:
            key = jwt.PyJWK({name: jwk[name] for name in ("kty", "crv", "x", "y")}, algorithm="ES256").key
        except (KeyError, jwt.PyJWTError):
            return unknown
        expired = jwk.get("expired_at")
        at = datetime.fromtimestamp(expired, tz=now.tzinfo) if isinstance(expired, int | float) else None
        return CachedKey(key=key, regions=asked, expired_at=at, since=now, until=now + KEY_KEPT)
