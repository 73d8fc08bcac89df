"""Signs a checkpoint of every audit log that has grown: signed entries cannot be rewritten unnoticed."""

from dataclasses import dataclass
from datetime import timedelta

from shared.domain.audit_chain import Checkpoint
from shared.domain.errors import BankError, Conflict
from shared.log import log
from shared.ports import AuditLog, Clock, Signer
from shared.usecases.due_pages import due_pages

RETRY_AFTER = timedelta(days=1)
PAGE = 200
MAX_PAGES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SignAudit:
    """Signs audit logs."""

    audit: AuditLog
    signer: Signer
    clock: Clock

    def __call__(self) -> int:
        """Signs the end of each log that is due. Returns how many were signed.

        A log that grows meanwhile is signed by the next call. Each checkpoint is also logged, because a writer of the
        store cannot change the platform's log.

        Raises:
            BankError: The store or the signer does not answer.
        """
        signed = 0
        now = self.clock.now()

        def due(limit: int) -> list[str]:
            return self.audit.unsigned(now, limit=limit)

        for page in due_pages(due, str, size=PAGE, max_pages=MAX_PAGES):
            for app_user_id in page:
                try:
                    signed += self._sign(app_user_id)
                except BankError:
                    raise
                except Exception:  # noqa: BLE001 (one log that cannot be read must not keep the others unsigned)
                    log.exception("audit.unsigned", user=app_user_id)
                    self.audit.postpone_signing(app_user_id, until=now + RETRY_AFTER)
        return signed

    def _sign(self, app_user_id: str) -> bool:
        head, version = self.audit.head(app_user_id)
        if version is None:
            return False
        unsigned = Checkpoint(app_user_id=app_user_id, seq=head.seq, hash=head.hash, at=self.clock.now())
        checkpoint = self.signer.sign(unsigned)
        try:
            self.audit.add_checkpoint(checkpoint, expected=version)
        except Conflict:
            return False
        log.info("audit.checkpoint", user=app_user_id, seq=head.seq, signature=checkpoint.signature)
        return True
