"""Verifies Plaid's webhooks: https://plaid.com/docs/api/webhooks/webhook-verification/

Only ES256 is accepted. Keys are fetched by the id in the token's header and cached. Before verification, an attacker
can choose that id, so ids that Plaid does not know are cached, too. Unknown ids are looked up at most
UNKNOWN_PER_MINUTE times a minute in the whole project, and a known id once a minute per instance, so no sender can make
the backend flood Plaid. The ids of Plaid's real keys are stored, so that a new instance knows them even during a flood
of other ids. Webhooks to the secret address, which only Plaid knows, have a separate limit (webhook_address).
"""

import base64
import hashlib
import hmac
import re
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import jwt

from shared.domain.errors import Conflict, ProviderError, Unauthenticated, Unavailable
from shared.log import log
from shared.ports import Clock, Executors, WebhookKeys

MAX_AGE = timedelta(minutes=5)
MAX_AHEAD = timedelta(seconds=60)
KEY_KEPT = timedelta(hours=4)
UNKNOWN_KEPT = timedelta(minutes=5)
MAX_KEYS = 256
MAX_FETCHES_PER_MINUTE = 6  # of known keys, per instance; of unknown ones only while the store does not respond
UNKNOWN_PER_MINUTE = 10  # of unknown keys, over all instances
FRESH = timedelta(minutes=1)  # a key fetched this recently is not fetched again
UNKNOWN_TO_PLAID = "INVALID_WEBHOOK_VERIFICATION_KEY_ID"
SEEN_READ_EVERY = timedelta(minutes=1)
ANY_ADDRESS, OUR_ADDRESS = "unknown_keys", "unknown_keys_at_our_address"  # each has its own limit of look-ups
_KID = re.compile(r"[A-Za-z0-9_-]{1,64}")


SIGNATURE_HALF = 32  # bytes, of ES256: https://www.rfc-editor.org/rfc/rfc7518#section-3.4


@dataclass(frozen=True, slots=True)
class VerifiedDelivery:
    """A delivery signed by Plaid; the same delivery always has the same id, even if encoded differently."""

    delivery_id: str
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class _Kept:
    key: Any | None  # None: Plaid does not know this id
    expired_at: datetime | None
    since: datetime
    until: datetime


class WebhookVerifier:
    """Verifies deliveries; caches Plaid's keys.

    Args:
        fetch_key: Fetches the JWK of a key id from Plaid; raises ProviderError.
        stored: The stored ids of Plaid's keys.
        clock: The clock.
        executors: Creates the only worker that looks up keys.
    """

    def __init__(
        self, *, fetch_key: Callable[[str], dict[str, Any]], stored: WebhookKeys, clock: Clock, executors: Executors
    ) -> None:
        self._fetch_key = fetch_key
        self._stored = stored
        self._seen: frozenset[str] = frozenset()
        self._seen_at: datetime | None = None
        self._clock = clock
        self._keys: dict[str, _Kept] = {}
        self._fetches: dict[bool, deque[datetime]] = {known: deque() for known in (True, False)}
        self._used_up_until: dict[str, datetime] = {}
        self._look_ups = executors(1, "webhook-keys")

    def verify(self, signed: str, body: bytes, *, to_our_address: bool = False) -> VerifiedDelivery:
        """Verifies the signature of a delivery.

        Args:
            signed: The header `Plaid-Verification`; "" if it is missing.
            body: The received body, byte for byte.
            to_our_address: Whether it was sent to the address that only Plaid knows.

        Returns:
            The id of the delivery, and when Plaid signed it.

        Raises:
            Unauthenticated: The signature is not Plaid's, too old, or for another body.
            Unavailable: The key could not be fetched, or too many unknown keys were looked up in this minute: Plaid
                should deliver the webhook again.
        """
        try:
            header = jwt.get_unverified_header(signed)
        except jwt.PyJWTError:
            raise _not_verified() from None
        kid = header.get("kid")
        if header.get("alg") != "ES256" or not isinstance(kid, str) or not _KID.fullmatch(kid):
            raise _not_verified()
        claims, kept = self._claims(signed, kid, to_our_address=to_our_address)
        now = self._clock.now()
        issued = claims.get("iat")
        if isinstance(issued, bool) or not isinstance(issued, int | float):
            raise _not_verified()
        age = now.timestamp() - issued
        if not -MAX_AHEAD.total_seconds() <= age <= MAX_AGE.total_seconds():
            raise _not_verified()
        if kept.expired_at is not None and issued > kept.expired_at.timestamp():
            raise _not_verified()
        claimed = claims.get("request_body_sha256")
        if not isinstance(claimed, str) or not hmac.compare_digest(
            claimed.encode(), hashlib.sha256(body).hexdigest().encode()
        ):
            raise _not_verified()
        return VerifiedDelivery(_delivery_id(signed), datetime.fromtimestamp(issued, tz=now.tzinfo))

    def _claims(self, signed: str, kid: str, *, to_our_address: bool) -> tuple[dict[str, Any], _Kept]:
        """The verified claims. A cached key that does not verify them is fetched again: Plaid may have changed it."""
        kept, fetched = self._key(kid, fresh=False, to_our_address=to_our_address)
        while True:
            if kept.key is None:
                raise _not_verified()
            try:
                claims = jwt.decode(
                    signed,
                    kept.key,
                    algorithms=["ES256"],
                    options={"verify_iat": False, "verify_exp": False, "verify_nbf": False, "verify_aud": False},
                )
            except jwt.PyJWTError:
                if fetched:
                    raise _not_verified() from None
                kept, fetched = self._key(kid, fresh=True, to_our_address=to_our_address)
            else:
                return claims, kept

    def _key(self, kid: str, *, fresh: bool, to_our_address: bool) -> tuple[_Kept, bool]:
        """The key, and whether fetching it again would be too early."""
        kept = self._keys.get(kid)
        if kept is not None and not fresh and self._clock.now() < kept.until:
            return kept, False  # without the worker, so that look-ups do not delay known keys
        # One worker does all look-ups, one after the other, so that a burst of webhooks fetches a key once.
        look_up = partial(self._look_up, kid, fresh=fresh, to_our_address=to_our_address)
        return self._look_ups.submit(look_up).result()

    def _look_up(self, kid: str, *, fresh: bool, to_our_address: bool) -> tuple[_Kept, bool]:
        """The key from the cache or from Plaid, and whether fetching it again would be too early."""
        now = self._clock.now()
        kept = self._keys.get(kid)
        if kept is not None and now < kept.until and not (fresh and now - kept.since >= FRESH):
            return kept, fresh
        known = (kept is not None and kept.key is not None) or kid in self._known_ids(now)
        if not (self._may_fetch(now, known=True) if known else self._may_look_up(now, to_our_address=to_our_address)):
            if kept is not None and kept.key is not None:
                return kept, True  # a stale key is better than refusing Plaid
            # Not 401, which could be final: the webhook may be from Plaid, with a new key.
            raise Unavailable("too many unknown keys; retry later", code="webhook_keys_busy", retry_after_seconds=60)
        kept = self._fetch(kid, now)
        if kept.key is not None:
            self._store_known(kid, now)
        self._keys.pop(kid, None)
        if len(self._keys) >= MAX_KEYS:
            self._keys.pop(next((old for old, one in self._keys.items() if one.key is None), next(iter(self._keys))))
        self._keys[kid] = kept
        return kept, True

    def _known_ids(self, now: datetime) -> frozenset[str]:
        """The ids of Plaid's keys, read from the store at most once a minute."""
        if self._seen_at is None or now - self._seen_at >= SEEN_READ_EVERY:
            self._seen_at = now
            with suppress(Unavailable):
                self._seen |= self._stored.seen()
        return self._seen

    def _store_known(self, kid: str, now: datetime) -> None:
        if kid in self._seen:
            return
        self._seen |= {kid}
        try:
            self._stored.add(kid, now=now)
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

    def _fetch(self, kid: str, now: datetime) -> _Kept:
        try:
            jwk = self._fetch_key(kid)
        except ProviderError as error:
            if error.error_code != UNKNOWN_TO_PLAID:
                raise Unavailable(
                    "Plaid's key could not be fetched; retry later", code="webhook_key_unavailable"
                ) from error
            return _Kept(key=None, expired_at=None, since=now, until=now + UNKNOWN_KEPT)
        try:
            key = jwt.PyJWK({name: jwk[name] for name in ("kty", "crv", "x", "y")}, algorithm="ES256").key
        except (KeyError, jwt.PyJWTError):
            return _Kept(key=None, expired_at=None, since=now, until=now + UNKNOWN_KEPT)
        expired = jwk.get("expired_at")
        at = datetime.fromtimestamp(expired, tz=now.tzinfo) if isinstance(expired, int | float) else None
        return _Kept(key=key, expired_at=at, since=now, until=now + KEY_KEPT)


def _not_verified() -> Unauthenticated:
    return Unauthenticated("the webhook is not signed by Plaid", code="webhook_not_verified")


def _delivery_id(signed: str) -> str:
    """The id of a delivery, from the signed text and the first half of the signature.

    The same token can be encoded differently: an ECDSA signature (r, s) has the second valid form (r, n - s), and
    base64 has spare bits. Both keep r, which is new in each signature, so two equal events within one second (such as a
    login that breaks, is repaired and breaks again) are two deliveries.
    """
    signed_text, _, signature = signed.rpartition(".")
    first_half = base64.urlsafe_b64decode(signature + "==")[:SIGNATURE_HALF]
    return hashlib.sha256(signed_text.encode() + b"." + first_half).hexdigest()
