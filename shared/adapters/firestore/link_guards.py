"""Guards that change with every new connection of a user to an institution: bank_link_guards/{uid}:{institution_id}.

An exchange reads the guard before it searches for duplicates; its commit is refused if the guard has changed since.
"""

import hashlib
from datetime import datetime
from typing import Any
from urllib.parse import quote

from shared.domain import retention
from shared.domain.storable import MAX_ID_BYTES

GUARDS = "bank_link_guards"


def guard_path(app_user_id: str, institution_id: str) -> str:
    """The path of the guard of a user and an institution, always a valid name in Firestore."""
    name = f"{app_user_id}:{quote(institution_id, safe='', errors='replace')}"
    if len(name.encode()) > MAX_ID_BYTES:
        name = f"{app_user_id}:sha256:{hashlib.sha256(name.encode()).hexdigest()}"
    return f"{GUARDS}/{name}"


def guard_fields(connection_id: str, *, now: datetime) -> dict[str, Any]:
    """The guard's fields: the newest connection, and when it was created."""
    return {"connection_id": connection_id, "updated_at": now, "expires_at": now + retention.LINK_GUARD}
