"""A session of Hosted Link ended: what it linked is kept sealed, and exchanged by a task."""

from dataclasses import replace

from shared.domain.hosted_link import LinkResult, digest, public_tokens
from shared.domain.secret import Secret
from shared.domain.webhook import Webhook
from shared.log import log
from shared.ports import Clock, Links, TaskFunction, Tasks, Vault


def receive_link_webhook(webhook: Webhook, *, links: Links, vault: Vault, tasks: Tasks, clock: Clock) -> None:
    """Takes the public tokens out of a verified LINK webhook. Twice is harmless, and so is one that is nobody's.

    Both webhooks of a session carry the token, and each may come again: a token is named by its hash, so it is kept
    and enqueued once. It lives for half an hour, and Plaid sends a webhook again within seconds: whatever goes wrong
    here is best answered by asking for that.

    Raises:
        Unavailable, ProviderError: It could not be sealed, kept or enqueued: Plaid is to send it again.
    """
    found = public_tokens(webhook.body)
    if not found:
        log.info("link.ended_without_a_bank", code=webhook.webhook_code, status=str(webhook.body.get("status")))
        return
    link_token = webhook.body.get("link_token")
    session = links.session(link_token) if isinstance(link_token, str) and link_token else None
    if session is None or not session.hosted:  # update mode, or a session in the app itself: the app knows
        log.info("link.unknown_session", code=webhook.webhook_code)
        return
    owner = session.app_user_id
    for public_token in found:
        bare = LinkResult(digest(public_token), owner, None, clock.now())
        sealed = vault.seal(Secret(public_token), app_user_id=owner, connection_id=bare.sealed_for)
        result = replace(bare, public_token=sealed)
        new = links.keep(result)
        tasks.add(TaskFunction.EXCHANGE_LINK, {"result_id": result.result_id}, name=result.result_id)
        log.info("link.ended", result_id=result.result_id, code=webhook.webhook_code, new=new)
