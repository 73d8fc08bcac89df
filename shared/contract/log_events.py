"""The log events by name. Names are stable: metrics, alerts and documents depend on them.

A test compares this list with the code, both ways: every logged name is listed here, every name listed here is logged,
and every line has the fields listed here. The functions never import this module.

Every line also has `severity`, `time`, `function` and its trace; lines of a task have `task`, lines of a sync have
`connection_id` and `run`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """What a log line means, and the fields that it always has."""

    means: str
    fields: tuple[str, ...] = ()


KEY_EVENTS: dict[str, Event] = {
    # -- calls, triggers, tasks --
    "call.answered": Event(
        "An HTTP function sent its response; `caller_trace` is the trace id that the caller sent.",
        ("http", "ms", "caller_trace"),
    ),
    "call.refused": Event("An HTTP function returned an error with this code of docs/errors.md.", ("status", "code")),
    "call.failed": Event("A bug in an HTTP function: it returned `internal`."),
    "event.done": Event("A trigger or a scheduled function has ended.", ("ms",)),
    "event.postponed": Event(
        "A service did not answer a trigger or a scheduled function; the scheduler makes up for it.", ("code",)
    ),
    "event.failed": Event("A bug in a trigger or a scheduled function."),
    "task.enqueued": Event("A task was added to a function's queue.", ("queue", "task")),
    "task.ended": Event(
        "A task delivery has ended: `done`, `again` or `failed`.", ("outcome", "ms", "retries", "waited_seconds")
    ),
    "task.postponed": Event("A service did not answer a task; Cloud Tasks delivers the task again.", ("code",)),
    "task.failed": Event("A bug in a task; Cloud Tasks delivers the task again."),
    "queue.not_taken": Event("Cloud Tasks did not accept a task; the scheduler enqueues it again."),
    "instance.started": Event(
        "A worker instance serves its first request, this many seconds after it was started.", ("seconds",)
    ),
    # -- linking --
    "token.exchanged": Event(
        "A public token was exchanged for an access token, and the access token was stored.",
        ("connection_id", "item_id"),
    ),
    "connection.created": Event("A connection was created.", ("connection_id", "institution_id")),
    "institution.fetched": Event("An institution was fetched from Plaid into the cache.", ("institution_id",)),
    "institution.suspected": Event(
        "More connections of a bank fail than usual: the backend checks others.", ("institution_id", "reason")
    ),
    "institution.down": Event(
        "A bank has an outage; `seen` and `failing` count its connections.",
        ("institution_id", "kind", "reason", "seen", "failing"),
    ),
    "institution.recovered": Event("A bank works again.", ("institution_id", "before")),
    "institution.pause_refused": Event(
        "A bank seems down, but so much fails at once that an operator must decide whether to pause its syncs.",
        ("institution_id", "why", "reason", "seen", "failing"),
    ),
    # -- syncs --
    "sync.requested": Event(
        "A sync was requested; it runs in the trace of its first request, `served_in`.",
        ("connection_id", "status", "served_in"),
    ),
    "sync.started": Event("A sync run has started.", ("attempt",)),
    "sync.page": Event("A sync run read a page of changes.", ("page", "added", "modified", "removed", "history")),
    "sync.ended": Event(
        "A sync run has ended: `completed`, `failed`, or to be resumed (`pending`, `in_progress`).",
        (
            *("status", "stage", "source", "first", "history_complete", "error_code", "retryable"),
            *("seconds", "lag_seconds", "pages", "added", "modified", "removed"),
        ),
    ),
    "sync.provider_error": Event(
        "Plaid or the bank returned an error to a sync run.", ("fault", "error_type", "error_code", "request_id")
    ),
    "sync.lease_lost": Event(
        "A sync run stopped: another run has the lease, or the connection was removed.", ("reason",)
    ),
    "sync.bug": Event("A bug in a sync run."),
    "schedule.done": Event("The scheduler has processed all due connections.", ("enqueued", "held")),
    "schedule.paused": Event("The scheduler did nothing, because an operator has paused all syncs.", ("since",)),
    "sync.held": Event("A sync run was deferred, because an operator has paused it.", ("connection_id", "since")),
    # -- webhooks and status --
    "webhook.received": Event(
        "A verified webhook was recorded, this many seconds after Plaid signed it.",
        ("type", "code", "item_id", "connection_id", "new", "lag_seconds"),
    ),
    "webhook.handled": Event(
        "A webhook was processed, this many seconds after it arrived.", ("code", "connection_id", "lag_seconds")
    ),
    "webhook.missing": Event("Plaid had new data for an hour, and no webhook arrived.", ("connection_id",)),
    "connection.status_changed": Event(
        "A connection's status, action or error has changed.",
        ("connection_id", "before", "after", "cause", "error_code", "request_id"),
    ),
    # -- removal --
    "removal.started": Event(
        "A connection was removed for its user; the cleanup follows.", ("connection_id", "reason")
    ),
    "removal.done": Event(
        "A removal has completed: no data of the connection is left in Firestore or at Plaid.", ("reason", "item")
    ),
    "removal.postponed": Event(
        "Plaid could not remove an item; the removal is retried.", ("error_code", "request_id", "attempts")
    ),
    "erasure.started": Event("The erasure of all bank data of a user has started.", ("reason",)),
    "erasure.done": Event("The erasure of all bank data of a user has completed.", ("reason",)),
    # -- tokens that may be lost: an operator must check --
    "exchange.lost": Event(
        "An exchange was interrupted between Plaid's answer and the stored token: Plaid may keep an orphaned item.",
        ("intent_id",),
    ),
    "exchange.orphan": Event(
        "Plaid may keep an orphaned item: its token could be neither stored nor removed, or Plaid did not know it "
        "for days.",
        ("item_id", "intent_id"),
    ),
    "rotation.done": Event("An access token was rotated."),
    "rotation.token_lost": Event(
        "A rotation was interrupted between Plaid's answer and the stored token; the user is asked to link again.",
        ("item_id",),
    ),
    "rotation.orphan": Event(
        "Plaid may keep an orphaned item: a rotated token could not be stored, and its item could not be removed.",
        ("item_id",),
    ),
    "removal.token_lost": Event(
        "Plaid may keep an orphaned item: its token was lost before the removal, or Plaid did not know it for days.",
        ("item_id",),
    ),
    # -- the vault: an operator must check --
    "vault.closed": Event("An access token could not be sealed or opened; `hint` says why.", ("error_code", "hint")),
    "vault.unavailable": Event("Cloud KMS did not respond; the operation is retried.", ("error_code",)),
    # -- health --
    "connections.health": Event("Every 15 minutes: how many connections are healthy, stale, broken, and so on."),
    # -- external services --
    "plaid.called": Event(
        "Plaid responded, refused or did not respond (`outcome`).",
        ("endpoint", "region", "seconds", "outcome", "error_code", "request_id"),
    ),
    "commit.done": Event(
        "Firestore accepted a commit: `writes` counts the writes by collection.", ("writes", "ms", "bytes")
    ),
    "commit.not_storable": Event(
        "Firestore refused a commit because of a value in it; the commit is retried in parts.", ("writes",)
    ),
    "commit.refused": Event(
        "Another writer changed a document first: the documents are read again and the change is decided again.",
        ("writes",),
    ),
}
"""The life of a connection, and the events that need an operator."""
