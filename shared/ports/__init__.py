"""What the stories need from the outside, in our words. Adapters fulfil these; tests have fakes for them."""

from shared.ports.audit import AuditLog, Signer
from shared.ports.budgets import Budgets
from shared.ports.clock import Clock, Version
from shared.ports.connections import Connections, Credentials, Guards, Intents, Items, Mark, OwnedAccount
from shared.ports.institutions import Institutions
from shared.ports.people import Callers, Devices, Limits, Messaging, Profile, Profiles, Pushes
from shared.ports.plaid import InstitutionPage, ItemFacts, LinkRequest, LinkToken, NewItem, Plaid
from shared.ports.queues import SyncQueue, TaskFunction, Tasks
from shared.ports.removals import ConnectionData, Erasures, Owners, Removals
from shared.ports.syncs import Handover, HealthFigures, Loaded, PausedSyncs, RowRemoval, Syncs, Writes
from shared.ports.vault import Seals, StoredSeal, Vault
from shared.ports.webhooks import OVERDUE_SWEEPS, Delivery, Inbox, Links, ParseWebhook, WebhookKeys

__all__ = [
    "OVERDUE_SWEEPS",
    "AuditLog",
    "Budgets",
    "Callers",
    "Clock",
    "ConnectionData",
    "Connections",
    "Credentials",
    "Delivery",
    "Devices",
    "Erasures",
    "Guards",
    "Handover",
    "HealthFigures",
    "Inbox",
    "InstitutionPage",
    "Institutions",
    "Intents",
    "ItemFacts",
    "Items",
    "Limits",
    "LinkRequest",
    "LinkToken",
    "Links",
    "Loaded",
    "Mark",
    "Messaging",
    "NewItem",
    "OwnedAccount",
    "Owners",
    "ParseWebhook",
    "PausedSyncs",
    "Plaid",
    "Profile",
    "Profiles",
    "Pushes",
    "Removals",
    "RowRemoval",
    "Seals",
    "Signer",
    "StoredSeal",
    "SyncQueue",
    "Syncs",
    "TaskFunction",
    "Tasks",
    "Vault",
    "Version",
    "WebhookKeys",
    "Writes",
]
