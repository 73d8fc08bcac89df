"""Pushes a new notification to its user's devices, at most once."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from shared.domain.errors import Unavailable
from shared.domain.push import PushMessage, PushOutcome, Receipt, usable_tokens
from shared.log import log
from shared.ports import Clock, Messaging, Pushes
from shared.usecases.device_ownership import DeviceOwnership

WAITS = (1.0, 5.0, 20.0)  # seconds before the second and later tries
LONGEST_WAIT_SECONDS = 60  # the longest requested delay that is waited for: the service's quotas are per minute


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPush:
    """Sends push messages."""

    pushes: Pushes
    messaging: Messaging
    devices: DeviceOwnership
    clock: Clock
    sleep: Callable[[float], None]

    def __call__(self, message: PushMessage, *, app_user_id: str) -> None:
        """Sends the message to all devices of its user, in the user's language, unless it was sent before.

        Each message is claimed before it is sent, so it is sent at most once: a lost push is acceptable, since the
        notification can be read in the app; a repeated one is a nuisance. Tokens of devices that are gone are removed
        from the user's document.

        Raises:
            Unavailable: The store did not answer; nothing was sent.
        """
        stored = self.pushes.devices(app_user_id)
        message = message.in_language(stored.language)
        tokens = self.devices.keep_owned(usable_tokens(stored.tokens), app_user_id=app_user_id)
        if not tokens:
            log.info("push.no_devices", **message.data)
            return
        if not self.pushes.claim(app_user_id, message.notification_id, now=self.clock.now()):
            log.info("push.sent_before", **message.data)
            return
        receipts = self._delivered(message, tokens)
        outcomes = Counter(str(receipt.outcome) for receipt in receipts.values())
        log.info("push.done", **message.data, **outcomes)
        if failed := {r.error_code for r in receipts.values() if r.outcome in (PushOutcome.LATER, PushOutcome.REFUSED)}:
            log.warning("push.not_delivered", **message.data, error_codes=sorted(map(str, failed)))
        if gone := [token for token, receipt in receipts.items() if receipt.outcome is PushOutcome.GONE]:
            self._drop(gone, app_user_id)

    def _delivered(self, message: PushMessage, tokens: tuple[str, ...]) -> dict[str, Receipt]:
        """Sends the message, retries within a minute or two, and returns the receipt of each token."""
        receipts: dict[str, Receipt] = {}
        waiting = tokens
        for wait in (*WAITS, None):
            receipts |= zip(waiting, self.messaging.send(message, tokens=waiting), strict=True)
            waiting = tuple(token for token in tokens if receipts[token].outcome is PushOutcome.LATER)
            asked = max((receipts[token].retry_after_seconds or 0 for token in waiting), default=0)
            if not waiting or wait is None or asked > LONGEST_WAIT_SECONDS:
                break
            self.sleep(max(wait, asked))
        return receipts

    def _drop(self, tokens: list[str], app_user_id: str) -> None:
        try:
            self.pushes.drop_tokens(app_user_id, tokens)
        except Unavailable:  # the next message removes them
            log.warning("push.tokens_stay", count=len(tokens))
