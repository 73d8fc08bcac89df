"""Stores the public tokens of a finished Hosted Link session, sealed, and enqueues their exchange."""

from dataclasses import dataclass, replace

from shared.domain.hosted_link import LinkResult, digest, public_tokens
from shared.domain.plaid_token import PlaidToken
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
        """Stores the public tokens of a verified LINK webhook. Idempotent; webhooks of unknown sessions are ignored.

        Both webhooks of a session contain the token, and Plaid may deliver each several times. A token's hash is its
        id, so it is stored and enqueued once. The token expires after half an hour, and Plaid delivers a webhook again
        within seconds; so on every failure, this raises, and Plaid retries.

        Raises:
            Unavailable, VaultError: A token could not be sealed, stored or enqueued: Plaid must deliver again.
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
            self._store(PlaidToken(public_token, session.region), webhook, owner=session.app_user_id)

    def _store(self, public_token: PlaidToken, webhook: Webhook, *, owner: str) -> None:
        bare = LinkResult(digest(public_token.reveal()), owner, None, self.clock.now())
        sealed = self.vault.seal(public_token, app_user_id=owner, connection_id=bare.sealed_for)
        result = replace(bare, public_token=sealed)
        new = self.links.keep(result)
        self.tasks.add(TaskFunction.EXCHANGE_LINK, {"result_id": result.result_id}, name=result.result_id)
        log.info("link.ended", result_id=result.result_id, code=webhook.webhook_code, new=new)
