"""An operator asks whether a user's audit log is as it was written."""

from datetime import timedelta

from shared.domain.audit_chain import Damage, damages
from shared.domain.errors import Unavailable
from shared.ports import AuditLog, Clock, Signer

MAX_TRIES = 5


def check_audit(
    app_user_id: str, *, audit: AuditLog, signer: Signer, clock: Clock, retention: timedelta
) -> tuple[int, list[Damage]]:
    """Reads the whole log, again if it grows meanwhile.

    Returns:
        How many entries there are, and everything that is wrong with them.

    Raises:
        Unavailable: It would not stand still.
    """
    for _ in range(MAX_TRIES):
        head, version = audit.head(app_user_id)
        entries, checkpoints = dict(audit.entries(app_user_id)), audit.checkpoints(app_user_id)
        if audit.head(app_user_id)[1] == version:
            break
    else:
        raise Unavailable("the log grows all the time", code="store_busy", retry_after_seconds=1)
    found = damages(
        entries,
        checkpoints=checkpoints,
        head=head,
        is_signed=signer.is_signed,
        now=clock.now(),
        retention=retention,
    )
    return len(entries), found
