"""Exchanges the public tokens of Hosted Link, as if the app had requested the exchange."""

from dataclasses import dataclass

from shared.domain.errors import (
    AlreadyExists,
    ErrorClass,
    FailedPrecondition,
    InvalidArgument,
    ResourceExhausted,
    ServiceError,
    Unavailable,
)
from shared.domain.hosted_link import LinkOutcome
from shared.log import log
from shared.ports import Links, Vault
from shared.usecases.linking.exchange_public_token import ExchangePublicToken, LinkedItem


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeHostedLink:
    """Exchanges public tokens that webhooks delivered."""

    links: Links
    vault: Vault
    exchange: ExchangePublicToken

    def __call__(self, result_id: str) -> bool:
        """Exchanges one public token. Idempotent, since the exchange itself is.

        Returns:
            Whether the result is settled; if not, the queue must deliver the task again.
        """
        result = self.links.result(result_id)
        if result is None or result.public_token is None:
            log.info("link.settled_before", result_id=result_id)
            return True
        connection_id: str | None = None
        try:
            token = self.vault.open(
                result.public_token, app_user_id=result.app_user_id, connection_id=result.sealed_for
            )
            linked = LinkedItem(public_token=token.reveal(), region=token.region)
            done = self.exchange(linked, app_user_id=result.app_user_id)
        except AlreadyExists as error:
            outcome, connection_id = LinkOutcome.DUPLICATE, error.connection_id
        except ResourceExhausted:
            outcome = LinkOutcome.TOO_MANY
        except (InvalidArgument, FailedPrecondition):  # or the item's connection cannot be repaired
            outcome = LinkOutcome.UNUSABLE
        except ServiceError as error:
            if error.error_class not in (ErrorClass.USER, ErrorClass.TERMINAL):
                return _postponed(result_id, error.error_code)
            outcome = LinkOutcome.UNUSABLE
        except Unavailable as error:
            return _postponed(result_id, error.code)
        else:
            outcome, connection_id = LinkOutcome.CONNECTED, str(done.answer["connection_id"])
        self.links.settle(result_id, outcome, connection_id=connection_id)
        log.info("link.settled", result_id=result_id, outcome=outcome, connection_id=connection_id)
        return True


def _postponed(result_id: str, code: str) -> bool:
    log.warning("link.postponed", result_id=result_id, code=code)
    return False
