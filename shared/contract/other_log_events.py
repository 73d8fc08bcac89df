"""The log events that no metric and no alert needs; log_events.py has the others, and says what both promise."""

from shared.contract.log_events import Event

OTHER_EVENTS: dict[str, Event] = {
    "owner.exists": Event(
        "A trigger reported a user's document as deleted, but the document exists: nothing is erased.", ("app_user_id",)
    ),
    "task.refused": Event("An account other than that of Cloud Tasks called a task function: nothing was done."),
    "step.postponed": Event(
        "A service did not answer one step of a scheduled function; the next scheduler run repeats it.",
        ("step", "code"),
    ),
    "step.failed": Event("A bug in one step of a scheduled function; the other steps ran.", ("step",)),
    "operation.skipped": Event("An operator's command skipped a connection.", ("connection_id", "code")),
    "operation.failed": Event("A bug in an operator's command.", ("command",)),
    # -- exchanges and Link --
    "duplicates.marked": Event("Accounts were marked as duplicates, or are no longer duplicates.", ("accounts",)),
    "duplicates.unsettled": Event(
        "Duplicate accounts could not be marked; the next sync that reads accounts marks them.", ("code",)
    ),
    "exchange.item_stays": Event(
        "The item of an exchange that creates no connection could not be removed yet.", ("item_id",)
    ),
    "exchange.facts_unavailable": Event(
        "The details of a new item could not be fetched; they are added later.", ("error_code",)
    ),
    "exchange.item_in_use": Event(
        "The exchanged item already has a connection, as after update mode; the new token was discarded.",
        ("connection_id", "item_id"),
    ),
    "exchange.item_removed": Event("A token could not be stored, so its item was removed.", ("item_id",)),
    "exchange.not_released": Event(
        "An exchange could not be released; another call may have taken it over.", ("connection_id", "code")
    ),
    "exchange_intent.unreadable": Event("A stored exchange cannot be read.", ("intent_id",)),
    "intent.item_in_use": Event(
        "The item of an abandoned exchange belongs to a connection, so it is not removed.", ("item_id",)
    ),
    "intent.item_removed": Event("The item of an abandoned exchange was removed.", ("item_id",)),
    "intent.postponed": Event(
        "The item of an abandoned exchange could not be removed; the removal is retried.",
        ("intent_id", "item_id", "code"),
    ),
    "intent.skipped": Event("A bug while an abandoned exchange was swept.", ("intent_id",)),
    "intents.swept": Event("Abandoned exchanges were swept.", ("removed", "lost", "postponed")),
    "link.ended": Event("Hosted Link returned a public token.", ("result_id", "code", "new")),
    "link.ended_without_a_bank": Event("A Hosted Link session ended without a linked bank.", ("code", "status")),
    "link.postponed": Event(
        "A public token of Hosted Link could not be exchanged; the exchange is retried.", ("result_id", "code")
    ),
    "link.settled": Event("A public token of Hosted Link was processed.", ("result_id", "outcome", "connection_id")),
    "link.settled_before": Event("A public token of Hosted Link had been processed before.", ("result_id",)),
    "link.unknown_session": Event("A webhook names an unknown Link session.", ("code",)),
    # -- institutions and the set-up of connections --
    "institution.refused": Event(
        "Plaid does not return an institution; the daily check tries again.", ("institution_id", "error_code")
    ),
    "institution.stale": Event(
        "An institution could not be refreshed; its cached version is kept.", ("institution_id",)
    ),
    "institutions.no_page": Event("A page of institutions could not be fetched.", ("error_code", "request_id")),
    "institutions.refreshed": Event("Old institutions in the cache were refreshed.", ("refreshed", "left")),
    "welcome.postponed": Event("The set-up of a connection failed; it is retried."),
    # -- outages of banks --
    "push.held": Event(
        "A push that asks its user to log in again waits until it is clear whether the bank is at fault.",
        ("notification_id", "kind", "connection_id", "until"),
    ),
    "push.dropped": Event(
        "A deferred push was dropped, because the login works again.", ("notification_id", "kind", "connection_id")
    ),
    "institutions.watched": Event(
        "The scheduler found institutions to judge: unsettled ones, failing ones, and those that Plaid reports.",
        ("judged", "failing", "reported"),
    ),
    "institution.status_unknown": Event(
        "Plaid's status of an institution could not be read.", ("institution_id", "error_code")
    ),
    "institution.judged_elsewhere": Event(
        "Another judgement of the institution was faster; this one was dropped.", ("institution_id",)
    ),
    "institution.resumed": Event(
        "Deferred syncs of a bank were started while it recovers.", ("institution_id", "syncs")
    ),
    "outage.announced": Event(
        "Users were notified of an outage of their bank, because their data is old.", ("institution_id", "users")
    ),
    "outage.ended": Event("Users were notified that an outage of their bank is over.", ("institution_id", "users")),
    # -- products --
    "product.planned": Event(
        "The product syncs of a connection were planned after a sync of its transactions.",
        ("connection_id", "products"),
    ),
    "product.requested": Event(
        "A product sync was requested by a webhook or an operator.", ("connection_id", "product", "status")
    ),
    "product.ended": Event(
        "A product run has ended; `outcome` is the status that clients see.",
        ("status", "outcome", "rows", "changed", "error_code", "seconds"),
    ),
    "product.answered": Event(
        "Plaid answered a product run with an error; `outcome` is empty if it is about the login.",
        ("outcome", "fault", "error_type", "error_code", "request_id"),
    ),
    "product.not_enabled": Event(
        "The Plaid account of this backend does not have a product of `SYNC_PRODUCTS`; logged once a day and product."
    ),
    "product.restarted": Event(
        "The number of investment transactions changed while they were paged: they are read again.",
        ("total", "request_id"),
    ),
    "product.row_refused": Event("A row of a product that Firestore refuses was left out.", ("rows",)),
    "product.lease_lost": Event(
        "A product run stopped: another writer changed its state, or the connection was removed.", ("reason",)
    ),
    "product.unknown_account": Event(
        "A product has data of an account that was not read yet: the accounts are read, and the products planned."
    ),
    "product.bug": Event("A bug in a product run."),
    "product_state.unreadable": Event("The state of a product cannot be read.", ("product",)),
    # -- syncs --
    "institution.unreadable": Event("A cached institution cannot be read.", ("institution_id",)),
    "audit.unsigned": Event("A bug while an audit log was signed; the next daily run tries again.", ("user",)),
    "schedule.skipped": Event("A bug in the scheduler's processing of one connection.", ("connection_id",)),
    "sync.accounts_unavailable": Event(
        "Accounts could not be read; the stored accounts are kept.", ("error_code", "request_id")
    ),
    "balances.derived": Event(
        "The balances before an account was linked were derived from its transactions, once per account.",
        ("connection_id", "months"),
    ),
    "balances.not_live": Event(
        "The bank or the Plaid account has no live balances; the user got the stored ones.",
        ("error_code", "request_id"),
    ),
    "sync.refresh_spared": Event(
        "The bank was not asked for new data, because the ceiling of the connection, the user or the project was "
        "reached; the run reads what Plaid already has.",
        ("ceiling",),
    ),
    "sync.not_refreshed": Event(
        "The request to refresh the data at the bank failed; the run reads what Plaid has.",
        ("error_code", "request_id"),
    ),
    "sync.page_retried": Event("A page could not be read; the request is retried.", ("error_code", "request_id")),
    "sync.accounts_returned": Event(
        "The user shares accounts again that were shared before: all transactions are read again.", ("accounts",)
    ),
    "sync.rows_set_aside": Event(
        "New transactions without a required value were set aside, as far as there is room.",
        ("rows", "kept", "fields"),
    ),
    "sync.rebuilding": Event("Plaid rejected the cursor: all transactions are read again.", ("request_id",)),
    "sync.marking": Event(
        "Reading all transactions again takes longer than one run: the run will hand over to a continuation."
    ),
    "sync.reconciled": Event(
        "All transactions were read again and compared with the stored ones.", ("rows", "repaired", "surplus")
    ),
    "sync.restarted": Event(
        "The sync loop restarts from its first cursor: data changed between two pages, or the pages are endless.",
        ("error_code", "request_id"),
    ),
    "sync.streamed": Event("A change set was too large for one commit, so it was written in parts.", ("reason",)),
    "sync.token_rotated": Event("The access token was rotated during a sync run."),
    "sync_state.unreadable": Event("A stored sync state cannot be read.", ("connection_id",)),
    # -- webhooks and the daily check --
    "connection.institution_changed": Event(
        "An item belongs to another institution than before.", ("connection_id", "before", "after")
    ),
    "connection.history_late": Event(
        "A day after the exchange, the bank has not delivered the whole history.", ("connection_id",)
    ),
    "connection.long_broken": Event("A login has been broken for days.", ("connection_id", "days")),
    "monitor.page": Event("The daily check has processed a page of connections.", ("connections",)),
    "webhook.key_not_kept": Event("The id of a Plaid verification key could not be stored."),
    "webhook.late": Event("A webhook arrived for a removed connection.", ("connection_id",)),
    "webhook.malformed": Event(
        "Plaid signed a body that is not a webhook; it was acknowledged and ignored.", ("delivery_id",)
    ),
    "webhook.other_environment": Event("A webhook arrived from another Plaid environment.", ("environment",)),
    "webhook.values_left_out": Event(
        "Values of a webhook that cannot be stored were left out; the other values are used.", ("delivery_id", "values")
    ),
    "webhook.unknown": Event("A webhook has an unknown type or code.", ("type", "code")),
    "webhook.unknown_item": Event("A webhook names an item that has no connection here.", ("item_id", "code")),
    # -- moves of notes to a new connection --
    "history_move.ended": Event(
        "The notes of a replaced connection were moved or archived. `replaced`: whether this removed it; it was gone "
        "before, or works again, if not.",
        ("moved", "archived", "replaced"),
    ),
    "history_move.unreadable": Event("A stored move of notes cannot be read.", ("connection_id",)),
    "history_move.waiting": Event("A move of notes waits for the complete history of the new connection."),
    "history_moves.swept": Event("Due moves of notes were enqueued.", ("enqueued",)),
    # -- removals and erasures --
    "erasure.nothing_to_erase": Event("An erasure was requested for a user who has no bank data.", ("reason",)),
    "erasure.postponed": Event("An erasure was interrupted; it is resumed later."),
    "erasure.unreadable": Event("A stored erasure cannot be read."),
    "item.unknown": Event("Plaid does not know the item.", ("error_code", "request_id")),
    "owners.implausible": Event(
        "Most users seem to be deleted, so none was erased; an operator must check.", ("asked", "gone")
    ),
    "owners.unknown": Event("Firebase Auth did not say which users still exist.", ("asked",)),
    "item.shared": Event(
        "An older connection uses the same item (new ones cannot), so the item is kept at Plaid for it.",
        ("item_id", "connection_id"),
    ),
    "removal.item_in_use": Event(
        "A connection was removed; its item is kept, because another connection uses it.", ("item_id",)
    ),
    "removal.purged": Event("The stored data of a connection was deleted.", ("reason",)),
    "removal.unreadable": Event("A stored removal cannot be read.", ("connection_id",)),
    "restore.postponed": Event(
        "A connection could not be reconciled after a restore; run the command again.", ("connection_id", "code")
    ),
    "restore.settled": Event("A connection was reconciled with Plaid after a restore.", ("connection_id", "fate")),
    "removals.swept": Event("Due removals and erasures were enqueued.", ("enqueued",)),
    # -- access tokens --
    "credentials.unreadable": Event("Stored credentials cannot be read."),
    "reencryption.stepped": Event("Sealed tokens were re-encrypted with the newest key version.", ("key_id",)),
    "reencryption.unopened": Event("A sealed token could not be opened and was skipped.", ("place", "error_code")),
    "rotation.again": Event("An interrupted rotation starts again."),
    "rotation.aged": Event("Rotations of old access tokens were requested.", ("asked",)),
    "rotation.buried": Event("A connection was removed during the rotation of its token."),
    "rotation.given_up": Event("Plaid permanently refuses to rotate this token."),
    "rotation.item_in_use": Event("A token is not rotated, because another connection uses its item.", ("item_id",)),
    "rotation.item_removed": Event("A rotated token could not be stored, so its item was removed.", ("item_id",)),
    "rotation.not_asked": Event("The rotation of a token could not be requested.", ("connection_id", "code")),
    "rotation.not_released": Event(
        "A rotation could not be released: the connection is being removed, or the scheduler resumes the rotation."
    ),
    "rotation.not_stored": Event("A rotated token could not be stored yet."),
    "rotation.refused": Event("Plaid refused to rotate a token; the rotation is retried."),
    "rotation.token_unknown": Event("Plaid does not know the stored token.", ("error_code", "request_id")),
    "rotation.unanswered": Event("Plaid did not say whether it rotated a token."),
    # -- notifications --
    "messaging.no_answer": Event("Firebase Cloud Messaging did not respond.", ("kind",)),
    "messaging.not_sent_locally": Event(
        "The local stack does not send push messages; this one was skipped.", ("devices",)
    ),
    "push.device_moved": Event(
        "Another user has since stored a device's token: it was removed from the previous users.", ("users",)
    ),
    "push.done": Event("A push message was sent."),
    "push.no_devices": Event("The user has no devices that receive push messages."),
    "push.not_a_notification": Event("A document is not a valid notification.", ("notification_id",)),
    "push.not_delivered": Event("A push message did not reach a device.", ("error_codes",)),
    "push.sent_before": Event("A push message had been sent before."),
    "push.tokens_stay": Event("The tokens of unregistered devices could not be deleted.", ("count",)),
    # -- other --
    "audit.dropped": Event("Audit logs whose entries are all older than the retention were deleted.", ("logs",)),
    "audit.checkpoint": Event("A checkpoint of an audit log was signed.", ("user", "seq", "signature")),
    "plaid.values_left_out": Event(
        "Optional values that cannot be stored, or rows of a product that lack a required value, were left out; "
        "`fields` counts them by field.",
        ("of", "fields"),
    ),
    "plaid.no_answer": Event("Plaid did not respond at all.", ("kind",)),
    "queue.adding": Event("A task with its payload (at level DEBUG only).", ("function", "task", "payload")),
}
"""All other events, for debugging."""
