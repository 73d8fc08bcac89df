"""An operator repairs an audit log that cannot grow, because its stored end is before its entries.

That is the state after a restore over existing documents: each new entry meets an existing one, and with the entry
everything of the user is refused that is to be recorded.
"""

from dataclasses import dataclass

from shared.domain.audit import GENESIS, AuditHead
from shared.ports import AuditLog
from shared.usecases.audit.check_audit import AuditSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairAuditEnd:
    """Moves the stored end of a log to its last entry. Damages stay, and every check names them."""

    audit: AuditLog

    def __call__(self, app_user_id: str) -> int | None:
        """Repairs the log of a user.

        Returns:
            The number of the entry after which the log continues; None where it can grow as it is.

        Raises:
            Unavailable: The log grew during each try to read it.
            Conflict: It has grown since it was read.
        """
        snapshot = AuditSnapshot.read(app_user_id, audit=self.audit)
        last = max(snapshot.entries, default=0)
        if last <= snapshot.head.seq:
            return None
        end = snapshot.entries[last]
        self.audit.move_end(
            app_user_id, AuditHead(seq=last, hash=end.hash if end else GENESIS), expected=snapshot.version
        )
        return last
