"""An operator asks whether a user's audit log is as it was written, or goes on with one that is not."""

from datetime import timedelta

from shared.domain.audit import GENESIS, AuditHead, ChainedEntry
from shared.domain.audit_chain import Checkpoint, Damage, damages
from shared.domain.errors import Unavailable
from shared.ports import AuditLog, Clock, Signer, Version

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
    head, _, entries, checkpoints = _read(app_user_id, audit)
    found = damages(
        entries,
        checkpoints=checkpoints,
        head=head,
        is_signed=signer.is_signed,
        now=clock.now(),
        retention=retention,
    )
    return len(entries), found


def go_on_with_audit(app_user_id: str, *, audit: AuditLog) -> int | None:
    """Lets a log grow again whose stored end is before its entries, as after a restore over what was there.

    Until then each new entry meets one that is there already, and with it everything of the user is refused that is to
    be recorded. What is wrong with the log stays as it is, and is named by every check.

    Returns:
        The entry that the log goes on after; None where it can grow as it is.

    Raises:
        Unavailable: It would not stand still.
        Conflict: It has grown meanwhile.
    """
    head, version, entries, _ = _read(app_user_id, audit)
    last = max(entries, default=0)
    if last <= head.seq:
        return None
    end = entries[last]
    audit.move_end(app_user_id, AuditHead(seq=last, hash=end.hash if end else GENESIS), expected=version)
    return last


def _read(
    app_user_id: str, audit: AuditLog
) -> tuple[AuditHead, Version | None, dict[int, ChainedEntry | None], list[Checkpoint]]:
    """A whole log, as it stood in one moment."""
    for _ in range(MAX_TRIES):
        head, version = audit.head(app_user_id)
        entries, checkpoints = dict(audit.entries(app_user_id)), audit.checkpoints(app_user_id)
        if audit.head(app_user_id)[1] == version:
            return head, version, entries, checkpoints
    raise Unavailable("the log grows all the time", code="store_busy", retry_after_seconds=1)
