"""How long stored documents are kept that no code removes: TTL policies on `expires_at` delete them.

Audit logs are kept as long as the setting AUDIT_RETENTION_DAYS says.
"""

from datetime import timedelta

RUN_RECORD = timedelta(days=90)
WEBHOOK = timedelta(days=30)
ANSWERED_EXCHANGE = timedelta(days=7)  # unfinished exchanges stay until they are finished
ITEM_OF_EXCHANGE = timedelta(days=30)  # which exchange holds an item, in case the exchange was interrupted for good
LINK_GUARD = timedelta(days=7)  # it matters while two exchanges run beside each other
LINK_SESSION = timedelta(days=2)
PUSH_CLAIM = timedelta(days=7)  # triggers are delivered again for a day
DEVICE_OWNER = timedelta(days=270)
CHECKED_AUDIT_ENTRY = timedelta(days=7)  # longer than the setting, so that the chain can still be checked at its end
