"""Verifies Plaid's webhooks: https://plaid.com/docs/api/webhooks/webhook-verification/

Only ES256 is accepted. `webhook_key_cache.py` fetches the keys.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt

from shared.adapters.plaid.webhook_key_cache import CachedKey, FetchKey, RegionOf, WantedKey, WebhookKeyCache
from shared.domain.errors import Unauthenticated
from shared.domain.region import Region
from shared.ports import Clock, Executors, WebhookKeys

MAX_AGE = timedelta(minutes=5)
MAX_AHEAD = timedelta(seconds=60)
_KID = re.compile(r"[A-Za-z0-9_-]{1,64}")

SIGNATURE_HALF = 32  # bytes, of ES256: https://www.rfc-editor.org/rfc/rfc7518#section-3.4


@dataclass(frozen=True, slots=True)
class VerifiedDelivery:
    """A delivery signed by Plaid; the same delivery always has the same id, even if encoded differently."""

    delivery_id: str
    signed_at: datetime


class WebhookVerifier:
    """Verifies deliveries; caches Plaid's keys.

    Args:
        fetch_key: Fetches a key from Plaid.
        stored: The stored ids of Plaid's keys.
        clock: The clock.
        executors: Creates the only worker that looks up keys.
        regions: The key pairs of this backend.
        region_of: Finds the key pair of a webhook's item, if there are several pairs.
    """

    def __init__(
        self,
        *,
        fetch_key: FetchKey,
        stored: WebhookKeys,
        clock: Clock,
        executors: Executors,
        regions: Sequence[Region] = (Region.US,),
        region_of: RegionOf = lambda _: None,
    ) -> None:
        self._clock = clock
        self._keys = WebhookKeyCache(
            fetch_key=fetch_key,
            regions=regions,
            region_of=region_of,
            stored=stored,
            clock=clock,
            executors=executors,
        )

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
        claims, kept = self._claims(WantedKey(kid, body, to_our_address=to_our_address), signed)
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

    def _claims(self, wanted: WantedKey, signed: str) -> tuple[dict[str, Any], CachedKey]:
        """The verified claims. A cached key that does not verify them is fetched again: Plaid may have changed it."""
        kept, fetched = self._keys.find(wanted, fresh=False)
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
                kept, fetched = self._keys.find(wanted, fresh=True)
            else:
                return claims, kept


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
