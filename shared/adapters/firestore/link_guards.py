"""The documents that change with every connection of a user to an institution: bank_link_guards/{uid}:{institution_id}.

An exchange reads one before it looks for duplicates, and is refused if it has changed by the time it commits.
"""

import hashlib
from datetime import datetime
from typing import Any
from urllib.parse import quote

from shared.domain import retention
from shared.domain.storable import MAX_ID_BYTES

GUARDS = "bank_link_guards"


def guard_path(app_user_id: str, institution_id: str) -> str:
    """Where the guard of a user's connections to an institution is: always a name that Firestore takes."""
    name = f"{app_user_id}:{quote(institution_id, safe='', errors='replace')}"
    if len(name.encode()) > MAX_ID_BYTES:
        name = f"{app_user_id}:sha256:{hashlib.sha256(name.encode()).hexdigest()}"
    return f"{GUARDS}/{name}"


def guard_fields(connection_id: str, *, now: datetime) -> dict[str, Any]:
    """What it says: which connection was the last to come, and when."""
    return {"connection_id": connection_id, "updated_at": now, "expires_at": now + retention.LINK_GUARD}
