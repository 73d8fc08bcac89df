"""What Hosted Link linked becomes a connection, as if the app had asked for the exchange."""

from collections.abc import Callable

from shared.domain.errors import (
    AlreadyExists,
    ErrorClass,
    FailedPrecondition,
    InvalidArgument,
    ProviderError,
    ResourceExhausted,
    Unavailable,
    VaultError,
)
from shared.domain.hosted_link import LinkOutcome
from shared.log import log
from shared.ports import Links, Vault
from shared.usecases.linking.exchange_public_token import Exchanged, LinkedItem

Exchanges = Callable[[str], Callable[[LinkedItem], Exchanged]]
"""The exchange for a user."""


def exchange_hosted_link(result_id: str, *, links: Links, vault: Vault, exchange_for: Exchanges) -> bool:
    """Exchanges a public token that came by webhook; the exchange itself sees to it that this happens once.

    Returns:
        Whether it is settled; if not, the task is to be delivered again.
    """
    result = links.result(result_id)
    if result is None or result.public_token is None:
        log.info("link.settled_before", result_id=result_id)
        return True
    try:
        token = vault.open(result.public_token, app_user_id=result.app_user_id, connection_id=result.sealed_for)
        done = exchange_for(result.app_user_id)(LinkedItem(public_token=token.reveal()))
    except AlreadyExists as error:
        outcome, connection_id = LinkOutcome.DUPLICATE, error.connection_id
    except ResourceExhausted:
        outcome, connection_id = LinkOutcome.TOO_MANY, None
    except (InvalidArgument, FailedPrecondition):  # or the item's connection cannot be repaired
        outcome, connection_id = LinkOutcome.UNUSABLE, None
    except (ProviderError, VaultError) as error:
        if error.error_class not in (ErrorClass.USER, ErrorClass.TERMINAL):
            return _postponed(result_id, error.error_code)
        outcome, connection_id = LinkOutcome.UNUSABLE, None
    except Unavailable as error:
        return _postponed(result_id, error.code)
    else:
        outcome, connection_id = LinkOutcome.CONNECTED, str(done.answer["connection_id"])
    links.settle(result_id, outcome, connection_id=connection_id)
    log.info("link.settled", result_id=result_id, outcome=outcome, connection_id=connection_id)
    return True


def _postponed(result_id: str, code: str) -> bool:
    log.warning("link.postponed", result_id=result_id, code=code)
    return False
