"""Typed factories of the use cases of the audit logs, built on `container.py`."""

from typing import TYPE_CHECKING

from shared.serving import container

if TYPE_CHECKING:
    from shared.usecases.audit.check_audit import CheckAudit
    from shared.usecases.audit.drop_audit import DropAudit
    from shared.usecases.audit.repair_audit_end import RepairAuditEnd
    from shared.usecases.audit.sign_audit import SignAudit


def check_audit() -> "CheckAudit":
    """Checks audit logs."""
    from shared.usecases.audit.check_audit import CheckAudit

    return CheckAudit(
        audit=container.audit_log(),
        signer=container.signer(),
        clock=container.clock(),
        retention=container.settings().audit_retention,
    )


def repair_audit_end() -> "RepairAuditEnd":
    """Repairs audit logs that cannot grow."""
    from shared.usecases.audit.repair_audit_end import RepairAuditEnd

    return RepairAuditEnd(audit=container.audit_log())


def sign_audit() -> "SignAudit":
    """Signs audit logs."""
    from shared.usecases.audit.sign_audit import SignAudit

    return SignAudit(audit=container.audit_log(), signer=container.signer(), clock=container.clock())


def drop_audit() -> "DropAudit":
    """Deletes expired audit logs."""
    from shared.usecases.audit.drop_audit import DropAudit

    return DropAudit(audit=container.audit_log(), clock=container.clock())
