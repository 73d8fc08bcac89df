"""How long stored documents are kept that no code removes: TTL policies on `expires_at` delete them.

Audit logs are kept as long as the setting AUDIT_RETENTION_DAYS says.
"""

from datetime import timedelta

RUN_RECORD = timedelta(days=90)
WEBHOOK = timedelta(days=30)
ANSWERED_EXCHANGE = timedelta(days=7)  # unfinished exchanges stay until they are finished
ITEM_OF_EXCHANGE = timedelta(days=30)  # which exchange holds an item, in case the exchange was interrupted for good
LINK_GUARD = timedelta(days=7)  # it matters while two exchanges run beside each other
# A link token lives for hours and a public token for half of one; Plaid sends a webhook again for a day.
LINK_SESSION = timedelta(days=2)
PUSH_CLAIM = timedelta(days=7)  # triggers are delivered again for a day
# FCM gives up tokens that no device has used for so long: https://firebase.google.com/docs/cloud-messaging/manage-tokens
DEVICE_OWNER = timedelta(days=270)
# Beyond the setting: an entry is deleted only once a checkpoint behind it is older than the setting, too, which vouches
# for its absence.
CHECKED_AUDIT_ENTRY = timedelta(days=7)
