"""A user was told something: their devices show it, once."""

from collections import Counter
from collections.abc import Callable

from shared.domain.errors import Unavailable
from shared.domain.link import usable_language
from shared.domain.push import PushMessage, PushOutcome, Receipt, usable_tokens
from shared.log import log
from shared.ports import Clock, Messaging, Pushes
from shared.usecases.own_devices import own_devices

WAITS = (1.0, 5.0, 20.0)  # seconds before the second try and the next ones
LONGEST_WAIT_SECONDS = 60  # what the service asks for, at the most: its windows are minutes


def send_push(
    message: PushMessage,
    *,
    app_user_id: str,
    pushes: Pushes,
    messaging: Messaging,
    clock: Clock,
    sleep: Callable[[float], None],
) -> None:
    """Sends the message to all devices of its user, in the user's language, unless that was done before.

    Each message is claimed before it is sent, so it goes out at most once: a push that is lost is a pity, since the
    notification can be read in the app; one that comes again and again is a nuisance. Tokens of devices that are gone
    are taken from the user's document.

    Raises:
        Unavailable: The store did not answer; nothing was sent.
    """
    devices = pushes.devices(app_user_id)
    message = message.in_language(usable_language(devices.language))
    tokens = own_devices(usable_tokens(devices.tokens), app_user_id=app_user_id, pushes=pushes, clock=clock)
    if not tokens:
        log.info("push.no_devices", **message.data)
        return
    if not pushes.claim(app_user_id, message.notification_id, now=clock.now()):
        log.info("push.sent_before", **message.data)
        return
    receipts = _delivered(message, tokens, messaging=messaging, sleep=sleep)
    fates = Counter(str(receipt.outcome) for receipt in receipts.values())
    log.info("push.done", **message.data, **fates)
    if failed := {r.error_code for r in receipts.values() if r.outcome in (PushOutcome.LATER, PushOutcome.REFUSED)}:
        log.warning("push.not_delivered", **message.data, error_codes=sorted(map(str, failed)))
    if gone := [token for token, receipt in receipts.items() if receipt.outcome is PushOutcome.GONE]:
        _drop(gone, app_user_id=app_user_id, pushes=pushes)


def _delivered(
    message: PushMessage, tokens: tuple[str, ...], *, messaging: Messaging, sleep: Callable[[float], None]
) -> dict[str, Receipt]:
    """What became of it per token, after as many tries as may help within a minute or two."""
    receipts: dict[str, Receipt] = {}
    waiting = tokens
    for wait in (*WAITS, None):
        receipts |= zip(waiting, messaging.send(message, tokens=waiting), strict=True)
        waiting = tuple(token for token in tokens if receipts[token].outcome is PushOutcome.LATER)
        asked = max((receipts[token].retry_after_seconds or 0 for token in waiting), default=0)
        if not waiting or wait is None or asked > LONGEST_WAIT_SECONDS:
            break
        sleep(max(wait, asked))
    return receipts


def _drop(tokens: list[str], *, app_user_id: str, pushes: Pushes) -> None:
    try:
        pushes.drop_tokens(app_user_id, tokens)
    except Unavailable:  # the next message finds them gone again
        log.warning("push.tokens_stay", count=len(tokens))
