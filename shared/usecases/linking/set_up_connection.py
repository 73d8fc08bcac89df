"""Sets up a new connection: fetches what apps show about its bank, and registers the webhook URL at Plaid."""

from contextlib import suppress
from dataclasses import dataclass

from shared.domain.connection import BankConnection
from shared.domain.errors import ErrorClass, ErrorKind, ProviderError, Unavailable
from shared.domain.status import is_revoked, moment_of
from shared.log import log
from shared.ports import Clock, Connections, ItemFacts, Plaid, Syncs
from shared.ports.compare_and_set import retry_on_conflict
from shared.usecases.linking.find_institution import FindInstitution
from shared.usecases.linking.follow_institution import FollowInstitution
from shared.usecases.mark_duplicates import settle_after_commit
from shared.usecases.tokens.call_with_token import AccessTokens

MAX_TRIES = 20  # of a compare-and-set against a run that commits a few times a second


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUpConnection:
    """Sets connections up.

    Attributes:
        webhook_url: Where Plaid must send webhooks; None leaves the item's webhook unchanged.
    """

    webhook_url: str | None
    connections: Connections
    syncs: Syncs
    plaid: Plaid
    access_tokens: AccessTokens
    find_institution: FindInstitution
    follow_institution: FollowInstitution
    clock: Clock

    def __call__(self, connection_id: str) -> None:
        """Stores what Plaid reports about the institution, and sets the item's webhook. Idempotent.

        Writes only fields that change. The daily check repeats every set-up, so an institution that Plaid refuses to
        describe need not be retried within minutes.

        Raises:
            ServiceError: Plaid or the vault did not answer; the scheduler repeats the set-up.
            Unavailable: The connection is busy, or its token is being rotated; the scheduler repeats the set-up.
        """
        connection = self.connections.find(connection_id)
        if connection is None or is_revoked(connection):
            return
        facts = self.access_tokens.call(connection_id, self.plaid.item)
        if facts is None:
            return
        followed = self.follow_institution(connection, facts)
        if followed is None:
            return
        learnt, unanswered = self._learnt(followed, facts)
        self._describe(followed, learnt)
        if followed.institution_id != connection.institution_id:  # accounts are compared within an institution
            settle_after_commit(connection.app_user_id, connections=self.connections)
        if (url := self.webhook_url) and facts.webhook_url != url:
            self.access_tokens.call(connection_id, lambda token: self.plaid.set_webhook(token, url))
        if unanswered is not None:
            raise unanswered
        self._mark_set_up(followed)

    def _learnt(self, connection: BankConnection, facts: ItemFacts) -> tuple[dict[str, object], ProviderError | None]:
        """The fields that Plaid reported, and the error if the institution should be fetched again soon."""
        learnt: dict[str, object] = {
            "institution_name": connection.institution_name or facts.institution_name,
            "consent_expiration_time": facts.consent_expiration_time,
            **facts.metadata(),
        }
        if connection.institution_id is None:
            return learnt, None
        try:
            info = self.find_institution(connection.institution_id, connection.region)
        except ProviderError as error:
            if _may_be_had_later(error):
                return learnt, error
            log.warning("institution.refused", institution_id=connection.institution_id, error_code=error.error_code)
            return learnt, None
        about = {"institution_name": info.name, "institution": info.branding(), "products": info.products}
        return learnt | about, None

    def _describe(self, before: BankConnection, learnt: dict[str, object]) -> None:
        after = before.model_copy(update=learnt)
        if after == before:
            return
        known = before.model_dump()
        changes = {name: value for name, value in after.model_dump().items() if value != known[name]}
        changes["updated_at"] = moment_of(before, before.status, now=self.clock.now())
        self.connections.describe(before.connection_id, changes)

    def _mark_set_up(self, connection: BankConnection) -> None:
        """Marks the connection as set up, unless it moved to another institution meanwhile."""

        def mark() -> None:
            loaded, now = self.syncs.load(connection.connection_id), self.connections.find(connection.connection_id)
            if loaded is None or now is None or now.institution_id != connection.institution_id:
                return
            source = connection.institution_id or loaded.state.source
            after = loaded.state.model_copy(update={"is_set_up": True, "source": source})
            if after != loaded.state:
                self.syncs.save(after, expected=loaded.version)

        with suppress(Unavailable):  # everything else is done; the scheduler repeats an unmarked set-up
            retry_on_conflict(mark, tries=MAX_TRIES)


def _may_be_had_later(error: ProviderError) -> bool:
    """Whether a retry within minutes may succeed: after an outage, or once an operator fixed the API keys."""
    if error.kind in (ErrorKind.INSTITUTION_UNKNOWN, ErrorKind.INSTITUTION_NOT_ENABLED):
        return False  # all countries were tried already; and Plaid takes days to enable an institution
    return error.error_class in (ErrorClass.CONFIGURATION, ErrorClass.TRANSIENT)
