"""Checkpoints for the audit logs that have grown: what is signed cannot be rewritten unseen."""

from shared.domain.audit_chain import Checkpoint
from shared.domain.errors import Conflict
from shared.log import log
from shared.ports import AuditLog, Clock, Signer

PAGE = 200
MAX_PAGES = 500


def sign_audit(*, audit: AuditLog, signer: Signer, clock: Clock) -> int:
    """Signs where each log stands whose time has come. Returns how many were signed.

    A log that grows meanwhile is left for the next time. Each checkpoint is logged, too: the log of the platform is a
    place that whoever can write to the store cannot change.
    """
    signed = 0
    for _ in range(MAX_PAGES):
        users = audit.unsigned(clock.now(), limit=PAGE)
        done = 0
        for app_user_id in users:
            head, version = audit.head(app_user_id)
            if version is None:
                continue
            plain = Checkpoint(app_user_id=app_user_id, seq=head.seq, hash=head.hash, at=clock.now())
            checkpoint = signer.sign(plain)
            try:
                audit.add_checkpoint(checkpoint, expected=version)
            except Conflict:
                continue
            done += 1
            log.info("audit.checkpoint", user=app_user_id, seq=head.seq, signature=checkpoint.signature)
        signed += done
        if not done:
            break
    return signed
