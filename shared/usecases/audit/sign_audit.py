"""Checkpoints for the audit logs that have grown: what is signed cannot be rewritten unseen."""

from datetime import timedelta

from shared.domain.audit_chain import Checkpoint
from shared.domain.errors import BankError, Conflict
from shared.log import log
from shared.ports import AuditLog, Clock, Signer
from shared.usecases.due_pages import due_pages

AGAIN_AFTER = timedelta(days=1)
PAGE = 200
MAX_PAGES = 500


def sign_audit(*, audit: AuditLog, signer: Signer, clock: Clock) -> int:
    """Signs where each log stands whose time has come. Returns how many were signed.

    A log that grows meanwhile is left for the next time. Each checkpoint is logged, too: the log of the platform is a
    place that whoever can write to the store cannot change.
    """
    signed = 0
    now = clock.now()

    def due(limit: int) -> list[str]:
        return audit.unsigned(now, limit=limit)

    for page in due_pages(due, str, size=PAGE, max_pages=MAX_PAGES):
        for app_user_id in page:
            try:
                signed += _sign(app_user_id, audit=audit, signer=signer, clock=clock)
            except BankError:
                raise  # the store or the signer does not answer
            except Exception:  # noqa: BLE001 (one log that cannot be read must not keep the others unsigned)
                log.exception("audit.unsigned", user=app_user_id)
                audit.postpone_signing(app_user_id, until=now + AGAIN_AFTER)
    return signed


def _sign(app_user_id: str, *, audit: AuditLog, signer: Signer, clock: Clock) -> bool:
    head, version = audit.head(app_user_id)
    if version is None:
        return False
    checkpoint = signer.sign(Checkpoint(app_user_id=app_user_id, seq=head.seq, hash=head.hash, at=clock.now()))
    try:
        audit.add_checkpoint(checkpoint, expected=version)
    except Conflict:
        return False
    log.info("audit.checkpoint", user=app_user_id, seq=head.seq, signature=checkpoint.signature)
    return True
