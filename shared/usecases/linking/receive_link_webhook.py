"""A session of Hosted Link ended: what it linked is kept sealed, and exchanged by a task."""

from dataclasses import dataclass, replace

from shared.domain.hosted_link import LinkResult, digest, public_tokens
from shared.domain.secret import Secret
from shared.domain.webhook import Webhook
from shared.log import log
from shared.ports import Clock, Links, TaskFunction, Tasks, Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveLinkWebhook:
    """Stores the public tokens of a Hosted Link session, and enqueues their exchange."""

    links: Links
    vault: Vault
    tasks: Tasks
    clock: Clock

    def __call__(self, webhook: Webhook) -> None:
        """Takes the public tokens out of a verified LINK webhook. Idempotent; a webhook of no known session is ignored.

        Both webhooks of a session carry the token, and Plaid may deliver each several times: a token is named by its
        hash, so it is stored and enqueued once. It expires after half an hour, and Plaid delivers a webhook again
        within seconds: the best answer to every failure here is to ask for that.

        Raises:
            Unavailable, VaultError: It could not be sealed, stored or enqueued: Plaid is to deliver it again.
        """
        found = public_tokens(webhook.body)
        if not found:
            log.info("link.ended_without_a_bank", code=webhook.webhook_code, status=str(webhook.body.get("status")))
            return
        link_token = webhook.body.get("link_token")
        session = self.links.session(link_token) if isinstance(link_token, str) and link_token else None
        if session is None or not session.hosted:  # update mode, or a session inside the app: the app exchanges it
            log.info("link.unknown_session", code=webhook.webhook_code)
            return
        for public_token in found:
            self._store(public_token, webhook, owner=session.app_user_id)

    def _store(self, public_token: str, webhook: Webhook, *, owner: str) -> None:
        bare = LinkResult(digest(public_token), owner, None, self.clock.now())
        sealed = self.vault.seal(Secret(public_token), app_user_id=owner, connection_id=bare.sealed_for)
        result = replace(bare, public_token=sealed)
        new = self.links.keep(result)
        self.tasks.add(TaskFunction.EXCHANGE_LINK, {"result_id": result.result_id}, name=result.result_id)
        log.info("link.ended", result_id=result.result_id, code=webhook.webhook_code, new=new)
