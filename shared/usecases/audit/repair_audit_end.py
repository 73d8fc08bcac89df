"""Lets an operator repair an audit log that cannot grow, because its stored end is before its last entry.

A restore over existing documents leaves this state: each new entry conflicts with an existing one, so every commit of
the user that writes an audit entry is refused.
"""

from dataclasses import dataclass

from shared.domain.audit import GENESIS, AuditHead
from shared.ports import AuditLog
from shared.ports.compare_and_set import retry_on_conflict
from shared.usecases.audit.check_audit import AuditSnapshot, growing


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairAuditEnd:
    """Moves the stored end of a log to its last entry. Damages stay, and every check reports them."""

    audit: AuditLog

    def __call__(self, app_user_id: str) -> int | None:
        """Repairs the log of a user.

        Returns:
            The number of the entry after which the log continues; None if no repair is needed.

        Raises:
            Unavailable: The log grew during each try.
        """
        return retry_on_conflict(lambda: self._repair(app_user_id), busy=growing())

    def _repair(self, app_user_id: str) -> int | None:
        snapshot = AuditSnapshot.read(app_user_id, audit=self.audit)
        last = max(snapshot.entries, default=0)
        if last <= snapshot.head.seq:
            return None
        end = snapshot.entries[last]
        self.audit.move_end(
            app_user_id, AuditHead(seq=last, hash=end.hash if end else GENESIS), expected=snapshot.version
        )
        return last
