"""The events of the log by their names, which are stable: metrics, alerts and documents stand on them.

A test holds this against the code, both ways: nothing is logged under another name, everything here is logged, and the
fields that are promised are given. Nothing of it is imported at run time.

Every line also has `severity`, `time`, `function`, and the trace it belongs to; lines of a task have `task`, lines of a
sync `connection_id` and `run`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """What a line of the log means, and which fields it always has."""

    means: str
    fields: tuple[str, ...] = ()


KEY_EVENTS: dict[str, Event] = {
    # -- calls, triggers, tasks --
    "call.answered": Event(
        "An HTTP function has answered; `caller_trace` is the trace id that its caller sent.",
        ("http", "ms", "caller_trace"),
    ),
    "call.refused": Event("It refused, with this code of docs/errors.md.", ("status", "code")),
    "call.failed": Event("A bug: the caller was told `internal`."),
    "event.done": Event("A trigger or a schedule has ended.", ("ms",)),
    "event.failed": Event("A bug in a trigger or a schedule."),
    "task.enqueued": Event("A task was added to the queue of a function.", ("queue", "task")),
    "task.ended": Event(
        "A delivery of a task has ended: `done`, `again` or `failed`.", ("outcome", "ms", "retries", "waited_seconds")
    ),
    "task.failed": Event("A bug in a task, which is delivered again."),
    "queue.not_taken": Event("Cloud Tasks did not take a task; the schedule sees to it."),
    "instance.started": Event("A worker serves its first request, so long after it was started.", ("seconds",)),
    # -- a connection's beginning --
    "token.exchanged": Event("A public token became an access token, which is stored.", ("connection_id", "item_id")),
    "connection.created": Event("A connection was made.", ("connection_id", "institution_id")),
    "institution.fetched": Event("An institution was fetched from Plaid into the cache.", ("institution_id",)),
    # -- syncs --
    "sync.requested": Event(
        "Somebody wants a run; it will be told in that trace, whose request came first.",
        ("connection_id", "status", "served_in"),
    ),
    "sync.started": Event("A run has begun.", ("attempt",)),
    "sync.page": Event("A page of changes was read.", ("page", "added", "modified", "removed", "history")),
    "sync.ended": Event(
        "A run has ended: `completed`, `failed`, or to be gone on with (`pending`, `in_progress`).",
        (
            *("status", "stage", "source", "first", "history_complete", "error_code", "retryable"),
            *("seconds", "lag_seconds", "pages", "added", "modified", "removed"),
        ),
    ),
    "sync.provider_error": Event(
        "Plaid or the bank refused a run.", ("fault", "error_type", "error_code", "request_id")
    ),
    "sync.lease_lost": Event("A run found that another one works, or that the connection is gone.", ("reason",)),
    "sync.bug": Event("A bug in a run."),
    "schedule.done": Event("The orchestrator has looked at all that is due.", ("enqueued", "held")),
    "schedule.paused": Event("An operator has paused all syncs: the orchestrator touches nothing.", ("since",)),
    "sync.held": Event("A run was not begun: an operator has paused it.", ("connection_id", "since")),
    # -- webhooks and status --
    "webhook.received": Event(
        "A verified webhook was recorded, so long after Plaid signed it.",
        ("type", "code", "item_id", "connection_id", "new", "lag_seconds"),
    ),
    "webhook.handled": Event(
        "What a webhook asked for is done, so long after it came.", ("code", "connection_id", "lag_seconds")
    ),
    "webhook.missing": Event("Plaid had news for an hour, and no webhook came.", ("connection_id",)),
    "connection.status_changed": Event(
        "A connection's status, action or error changed.",
        ("connection_id", "before", "after", "cause", "error_code", "request_id"),
    ),
    # -- the end --
    "removal.started": Event("A connection is gone for its user.", ("connection_id", "reason")),
    "removal.done": Event("Nothing of a connection is left, here or at Plaid.", ("reason", "item")),
    "removal.postponed": Event(
        "Plaid could not remove an item; it is tried again.", ("error_code", "request_id", "attempts")
    ),
    "erasure.started": Event("All bank data of a user is to go.", ("reason",)),
    "erasure.done": Event("It is gone.", ("reason",)),
    # -- tokens that may be lost: a person must look --
    "exchange.lost": Event("An exchange died in its one window: an item may be left at Plaid.", ("intent_id",)),
    "exchange.orphan": Event(
        "An item whose token could be neither stored nor removed, or was unknown to Plaid for days.",
        ("item_id", "intent_id"),
    ),
    "rotation.done": Event("An access token was replaced."),
    "rotation.token_lost": Event(
        "A replacement died in its one window; the user is asked to link again.", ("item_id",)
    ),
    "rotation.orphan": Event("A new token could be neither stored nor its item removed.", ("item_id",)),
    "removal.token_lost": Event(
        "An item may be left at Plaid: its token was lost before its removal, or unknown there for days.", ("item_id",)
    ),
    # -- the vault: an operator must look --
    "vault.closed": Event(
        "No access token can be sealed, or one does not open: `hint` says why.", ("error_code", "hint")
    ),
    "vault.unavailable": Event("Cloud KMS does not answer; what needed it is tried again.", ("error_code",)),
    # -- how things stand --
    "connections.health": Event("Every quarter of an hour: how many connections are well, stale, broken, and so on."),
    # -- what is outside --
    "plaid.called": Event(
        "Plaid has answered, or refused, or not answered (`outcome`).",
        ("endpoint", "seconds", "outcome", "error_code", "request_id"),
    ),
    "commit.done": Event(
        "Firestore has taken a commit: how many writes of which collection.", ("writes", "ms", "bytes")
    ),
    "commit.not_storable": Event("Firestore refused a commit for what is in it; it is tried in parts.", ("writes",)),
    "commit.refused": Event("Somebody else wrote first: it is read and decided again.", ("writes",)),
}
"""The story of a connection, and what an operator is called for."""

OTHER_EVENTS: dict[str, Event] = {
    "owner.exists": Event("A user's document was said to be deleted, and exists: nothing is erased.", ("app_user_id",)),
    "task.refused": Event("Another account than that of Cloud Tasks called a task function: nothing was done."),
    "step.failed": Event("A bug in one step of a schedule; the others were taken.", ("step",)),
    "operation.skipped": Event("An operator's command left one connection out.", ("connection_id", "code")),
    "operation.failed": Event("A bug in an operator's command.", ("command",)),
    # -- exchanges and Link --
    "duplicates.marked": Event("Accounts became duplicates of others, or ceased to be.", ("accounts",)),
    "duplicates.unsettled": Event("Duplicates could not be marked; the next sync with accounts does it.", ("code",)),
    "exchange.item_stays": Event("An item that is not to be connected could not be removed yet.", ("item_id",)),
    "exchange.facts_unavailable": Event("A new item could not be looked at; what is missing follows.", ("error_code",)),
    "exchange.item_in_use": Event(
        "An exchanged item belongs to a connection already, as after update mode; the token was dropped.",
        ("connection_id", "item_id"),
    ),
    "exchange.item_removed": Event("A token could not be stored, and its item was removed.", ("item_id",)),
    "exchange.not_released": Event("Another call has taken an exchange over.", ("connection_id", "code")),
    "exchange_intent.unreadable": Event("A stored exchange cannot be read.", ("intent_id",)),
    "intent.item_in_use": Event("The item of an abandoned exchange belongs to a connection, and stays.", ("item_id",)),
    "intent.item_removed": Event("The item of an exchange that nobody came back for was removed.", ("item_id",)),
    "intent.postponed": Event("It could not be removed now.", ("intent_id", "item_id", "code")),
    "intent.skipped": Event("A bug while an exchange was swept.", ("intent_id",)),
    "intents.swept": Event("Exchanges that broke off were looked at.", ("removed", "lost", "postponed")),
    "link.ended": Event("Hosted Link brought a public token.", ("result_id", "code", "new")),
    "link.ended_without_a_bank": Event("Hosted Link ended, and nothing was linked.", ("code", "status")),
    "link.postponed": Event("A token of Hosted Link could not be exchanged now.", ("result_id", "code")),
    "link.settled": Event("A token of Hosted Link is done with.", ("result_id", "outcome", "connection_id")),
    "link.settled_before": Event("It was done with before.", ("result_id",)),
    "link.unknown_session": Event("A webhook of a Link session that is not ours.", ("code",)),
    # -- institutions and the welcome --
    "institution.refused": Event(
        "Plaid will not tell of an institution; the daily round asks again.", ("institution_id", "error_code")
    ),
    "institution.stale": Event("An institution could not be fetched anew; the old one stays.", ("institution_id",)),
    "institutions.no_page": Event("A page of institutions could not be fetched.", ("error_code", "request_id")),
    "institutions.refreshed": Event("Old institutions were fetched anew.", ("refreshed", "left")),
    "welcome.postponed": Event("A connection's bank could not be looked at yet."),
    # -- syncs --
    "institution.unreadable": Event("A cached institution cannot be read.", ("institution_id",)),
    "audit.unsigned": Event("A bug while an audit log was signed; the next day tries again.", ("user",)),
    "schedule.skipped": Event("A bug of one connection in the orchestrator.", ("connection_id",)),
    "sync.accounts_unavailable": Event("Accounts could not be read; the old ones stay.", ("error_code", "request_id")),
    "sync.refresh_spared": Event(
        "The bank was not asked for what is new, because a ceiling was reached (of the connection, user or project); "
        "the run reads what Plaid holds.",
        ("ceiling",),
    ),
    "sync.not_refreshed": Event("The bank could not be asked for what is new.", ("error_code", "request_id")),
    "sync.page_retried": Event("A page could not be read and is asked for again.", ("error_code", "request_id")),
    "sync.accounts_returned": Event(
        "Accounts that were here once are shared again: everything is read again.", ("accounts",)
    ),
    "sync.rows_set_aside": Event(
        "Rows without something that they cannot do without, new ones: put on record, as far as there is room.",
        ("rows", "kept", "fields"),
    ),
    "sync.rebuilding": Event("Plaid rejected the cursor: everything is read again.", ("request_id",)),
    "sync.marking": Event("Reading everything again takes longer than one run: it will be handed over."),
    "sync.reconciled": Event("Everything was read again and held against the store.", ("rows", "repaired", "surplus")),
    "sync.restarted": Event(
        "The loop starts again from its first cursor: data changed between two pages, or the pages have no end.",
        ("error_code", "request_id"),
    ),
    "sync.streamed": Event("A change set was too large for one commit.", ("reason",)),
    "sync.token_rotated": Event("The access token was replaced meanwhile."),
    "sync_state.unreadable": Event("A stored state cannot be read.", ("connection_id",)),
    # -- webhooks and the daily round --
    "connection.institution_changed": Event(
        "An item belongs to another institution than before.", ("connection_id", "before", "after")
    ),
    "connection.history_late": Event(
        "A day after the exchange, the bank has not delivered the whole history.", ("connection_id",)
    ),
    "connection.long_broken": Event("A login has been broken for days.", ("connection_id", "days")),
    "monitor.page": Event("A page of connections was looked at.", ("connections",)),
    "webhook.key_not_kept": Event("The id of a key of Plaid's could not be stored."),
    "webhook.late": Event("A webhook of a connection that is gone.", ("connection_id",)),
    "webhook.malformed": Event("Plaid has signed what is no webhook; it was answered, and left.", ("delivery_id",)),
    "webhook.other_environment": Event("A webhook of another environment of Plaid's.", ("environment",)),
    "webhook.values_left_out": Event(
        "Values of a webhook that cannot be stored; the rest of it counts.", ("delivery_id", "values")
    ),
    "webhook.unknown": Event("A webhook that nobody here knows.", ("type", "code")),
    "webhook.unknown_item": Event("A webhook of an item that is not here.", ("item_id", "code")),
    # -- removals and erasures --
    "erasure.nothing_to_erase": Event("A user without bank data was to be erased.", ("reason",)),
    "erasure.postponed": Event("An erasure goes on later."),
    "erasure.unreadable": Event("A stored erasure cannot be read."),
    "item.unknown": Event("Plaid does not know the item (any more).", ("error_code", "request_id")),
    "owners.implausible": Event("Most users seem to be gone: nobody was erased.", ("asked", "gone")),
    "owners.unknown": Event("Firebase Auth could not be asked who is there still.", ("asked",)),
    "item.shared": Event(
        "An item has another connection, which was made before that was impossible; it stays at Plaid for that one.",
        ("item_id", "connection_id"),
    ),
    "removal.item_in_use": Event("A connection was removed; its item stays for another connection.", ("item_id",)),
    "removal.purged": Event("The data of a connection is gone here.", ("reason",)),
    "removal.unreadable": Event("A stored removal cannot be read.", ("connection_id",)),
    "restore.postponed": Event(
        "A connection could not be settled after a restore; call again.", ("connection_id", "code")
    ),
    "restore.settled": Event("A connection was brought in line with Plaid after a restore.", ("connection_id", "fate")),
    "removals.swept": Event("Removals and erasures that are due were enqueued.", ("enqueued",)),
    # -- access tokens --
    "credentials.unreadable": Event("Stored credentials cannot be read."),
    "reencryption.stepped": Event("Sealed tokens were moved to the newest key version.", ("key_id",)),
    "reencryption.unopened": Event("A sealed token does not open, and was stepped over.", ("place", "error_code")),
    "rotation.again": Event("A replacement that broke off begins again."),
    "rotation.aged": Event("Old tokens are to be replaced.", ("asked",)),
    "rotation.buried": Event("A connection was removed while its token was replaced."),
    "rotation.given_up": Event("Plaid will not replace this token."),
    "rotation.item_in_use": Event("A token is not replaced: another connection uses its item.", ("item_id",)),
    "rotation.item_removed": Event("A new token could not be stored, and its item was removed.", ("item_id",)),
    "rotation.not_asked": Event("A token could not be marked for replacement.", ("connection_id", "code")),
    "rotation.not_released": Event("Somebody else goes on with a replacement."),
    "rotation.not_stored": Event("A new token could not be stored yet."),
    "rotation.refused": Event("Plaid refused to replace a token; it is tried again."),
    "rotation.token_unknown": Event("Plaid does not know the token that is stored.", ("error_code", "request_id")),
    "rotation.unanswered": Event("Plaid did not say whether a token was replaced."),
    # -- notifications --
    "messaging.no_answer": Event("Firebase Cloud Messaging did not answer.", ("kind",)),
    "messaging.not_sent_locally": Event("A push message that the local stack sends to nobody.", ("devices",)),
    "push.device_moved": Event(
        "Another user has stored a device's token since: it was taken from the others.", ("users",)
    ),
    "push.done": Event("A push message was sent."),
    "push.no_devices": Event("Nobody is to be told by push."),
    "push.not_a_notification": Event("A document that is no notification.", ("notification_id",)),
    "push.not_delivered": Event("A push message did not reach a device.", ("error_codes",)),
    "push.sent_before": Event("It was sent before."),
    "push.tokens_stay": Event("Tokens of devices that are gone could not be dropped.", ("count",)),
    # -- the rest --
    "audit.dropped": Event("Audit logs, all of whose entries have outlived the retention, were dropped.", ("logs",)),
    "audit.checkpoint": Event("An audit log was signed.", ("user", "seq", "signature")),
    "plaid.values_left_out": Event("Optional values that cannot be stored, by field.", ("of", "fields")),
    "plaid.no_answer": Event("No answer came from Plaid at all.", ("kind",)),
    "queue.adding": Event("At DEBUG: a task with its payload.", ("function", "task", "payload")),
}
"""The rest, for whoever reads the log."""
