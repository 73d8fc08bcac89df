"""An operator asks whether a user's audit log is as it was written."""

from datetime import timedelta

from shared.domain.audit_chain import Damage, damages
from shared.ports import AuditLog, Clock, Signer


def check_audit(
    app_user_id: str, *, audit: AuditLog, signer: Signer, clock: Clock, retention: timedelta
) -> tuple[int, list[Damage]]:
    """Reads the whole log.

    Returns:
        How many entries there are, and everything that is wrong with them.
    """
    entries = dict(audit.entries(app_user_id))
    head, _ = audit.head(app_user_id)
    found = damages(
        entries,
        checkpoints=audit.checkpoints(app_user_id),
        head=head,
        is_signed=signer.is_signed,
        now=clock.now(),
        retention=retention,
    )
    return len(entries), found
