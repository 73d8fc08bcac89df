"""Faults of statuses: errors, webhooks, notifications."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from shared.adapters.plaid import errors
from shared.adapters.plaid.errors import from_error_object
from shared.domain import reminders, status
from shared.domain.error_kinds import ErrorKind
from shared.domain.status import StatusEvent
from shared.domain.webhook import Meaning
from shared.log import log
from shared.ports import Delivery
from shared.usecases.apply_status_event import StatusEvents
from shared.usecases.items import refresh_item_status, sweep_inbox
from shared.usecases.items.receive_webhook import ReceiveWebhook
from shared.usecases.items.refresh_item_status import ItemStatusRefresh
from shared.usecases.items.status_decisions import StatusDecision, from_webhook
from shared.usecases.items.sweep_inbox import SweepInbox
from shared.usecases.sync import fail_run
from shared.usecases.sync.fail_run import RunFailure
from tests.simulation.mutations import Patch, mutation


@mutation
def status_sticks_after_renewal() -> list[Patch]:
    """An announced end of the consent is believed for ever, although the user renewed the consent."""
    return [Patch(status, "is_over", lambda announced, **_: False)]


@mutation
def webhook_believed() -> list[Patch]:
    """An ITEM webhook changes the status that the item does not confirm."""

    def believed(connection: Any, facts: Any, webhook: Any, *, now: datetime) -> StatusDecision:
        if webhook.meaning is Meaning.LOGIN_REPAIRED:
            return StatusDecision(event=StatusEvent.REPAIRED)
        error = from_error_object(webhook.body.get("error")) if webhook.meaning is Meaning.LOGIN_ERROR else None
        if error is not None and (event := status.event_of(error)) is not None:
            return StatusDecision(event=event, error=error)
        return from_webhook(connection, facts, webhook, now=now)

    return [
        Patch(refresh_item_status, "from_webhook", believed),
        Patch(ItemStatusRefresh, "_confirmed", lambda self, connection, decision: decision),
    ]


@mutation
def repair_not_confirmed() -> list[Patch]:
    """A repair counts because the item shows no error, although its data needs more consent."""
    return [Patch(ItemStatusRefresh, "_confirmed", lambda self, connection, decision: decision)]


@mutation
def webhook_not_recorded() -> list[Patch]:
    """A webhook is acknowledged before it is stored."""
    return [Patch(ReceiveWebhook, "_record", lambda self, arrival, connection_id, **_: None)]


@mutation
def lost_webhook_task_not_made_up() -> list[Patch]:
    """No sweep finds a webhook whose task was lost."""
    return [Patch(SweepInbox, "__call__", lambda self: 0)]


@mutation
def inbox_sweep_stands_still() -> list[Patch]:
    """The sweep takes the webhooks that are due longest, and does not move those that it cannot settle."""
    return [
        Patch(Delivery, "swept", lambda self, *, now: self),
        Patch(sweep_inbox, "PAGE", 2),
        Patch(sweep_inbox, "MAX_PAGES", 1),
    ]


@mutation
def daily_check_believes_the_store() -> list[Patch]:
    """The daily check does not compare the connection with its item, so a lost webhook is not made up for."""
    return [Patch(refresh_item_status, "from_daily_check", lambda connection, facts, *, now: StatusDecision())]


@mutation
def outage_sets_the_status_bad() -> list[Patch]:
    """An outage of the bank asks the user to log in again."""
    original = status.event_of

    def event_of(error: Any) -> StatusEvent | None:
        return StatusEvent.LOGIN_FAILED if error.kind is ErrorKind.INSTITUTION_DOWN else original(error)

    return [Patch(status, "event_of", event_of), Patch(fail_run, "event_of", event_of)]


@mutation
def broken_login_ignored() -> list[Patch]:
    """A login that needs the user leaves the connection good."""
    original = status.event_of

    def event_of(error: Any) -> StatusEvent | None:
        return None if error.kind is ErrorKind.LOGIN_REQUIRED else original(error)

    return [Patch(status, "event_of", event_of), Patch(fail_run, "event_of", event_of)]


@mutation
def unknown_token_counts_at_once() -> list[Patch]:
    """A token that Plaid does not know ends the connection at once, although wrong API keys look the same."""

    def certain(error: Any, *, is_certain: bool = False) -> Any:
        return error

    return [
        Patch(fail_run, "unless_our_keys", certain),
        Patch(refresh_item_status, "unless_our_keys", certain),
    ]


@mutation
def rate_limit_is_final() -> list[Patch]:
    """A rate limit at Plaid counts as an error that no retry helps."""
    return [Patch(errors.BY_TYPE, "RATE_LIMIT_EXCEEDED", errors._CONFIGURATION)]


@mutation
def unsupported_item_alerts_the_operator() -> list[Patch]:
    """PRODUCTS_NOT_SUPPORTED in a sync counts as an error of the configuration, not of the item."""
    return [Patch(errors, "_of_an_endpoint", lambda endpoint, error_type, error_code: None)]


@mutation
def users_fault_alerts_the_operator() -> list[Patch]:
    """A failed sync is logged as an error, also for a user's or a bank's fault."""

    def report(self: RunFailure) -> None:
        log.error("sync.provider_error", error_code=self.error.error_code)

    return [Patch(RunFailure, "report", report)]


@mutation
def consent_warnings_missing() -> list[Patch]:
    """The user is not warned that a consent ends soon."""
    return [
        Patch(reminders, "warning_due", lambda expires, *, now: None),
        Patch(status, "warning_due", lambda expires, *, now: None),
    ]


@mutation
def notifications_repeated() -> list[Patch]:
    """A notification gets a random id, so that a repeated event notifies the user again."""
    original = StatusEvents._notification

    def notification(self: StatusEvents, connection: Any, kind: Any, event_id: str, **words: Any) -> Any:
        return original(self, connection, kind, f"{event_id}-{uuid.uuid4().hex[:8]}", **words)

    return [Patch(StatusEvents, "_notification", notification)]


@mutation
def revoked_data_kept() -> list[Patch]:
    """The data of a connection whose permission was revoked is not deleted."""
    return [Patch(StatusEvents, "_revocation", lambda self, after: None)]


@mutation
def new_login_not_noticed() -> list[Patch]:
    """A sync that works again does not end the connection's error."""
    return [Patch(status.TABLE, StatusEvent.WORKING, status.TABLE[StatusEvent.ACCOUNTS_CHOSEN])]
