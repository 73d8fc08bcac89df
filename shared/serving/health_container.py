"""Typed factories of the use cases of institutions' health, built on `container.py`."""

from typing import TYPE_CHECKING

from shared.serving import container, sync_container, tokens_container

if TYPE_CHECKING:
    from shared.ports.explainer import Explainer
    from shared.usecases.institution_health.ask_plaid_status import AskPlaidStatus
    from shared.usecases.institution_health.current_outages import PausedOutages
    from shared.usecases.institution_health.hold_login_prompts import LoginPrompts
    from shared.usecases.institution_health.judge_institution import JudgeInstitution
    from shared.usecases.institution_health.notify_outage import NotifyOutage
    from shared.usecases.institution_health.override_health import OverrideHealth
    from shared.usecases.institution_health.probe_connections import ConnectionProbes
    from shared.usecases.institution_health.watch_institutions import WatchInstitutions


def watch_institutions() -> "WatchInstitutions":
    """Finds the institutions that must be judged."""
    from shared.usecases.institution_health.watch_institutions import WatchInstitutions

    return WatchInstitutions(
        records=container.health_records(),
        contacts=container.bank_contacts(),
        ask_status=_ask_plaid_status(),
        tasks=container.tasks(),
        clock=container.clock(),
        executors=container.executors(),
    )


def notify_outage() -> "NotifyOutage":
    """Notifies users of outages."""
    from shared.usecases.institution_health.notify_outage import NotifyOutage

    return NotifyOutage(
        connections=container.connections(),
        outages=_outages(),
        notices=container.outage_notices(),
        institutions=container.institutions(),
        profiles=container.profiles(),
        clock=container.clock(),
    )


def judge_institution() -> "JudgeInstitution":
    """Judges institutions."""
    from shared.domain.institution_health.selection import detector_named
    from shared.usecases.institution_health.carry_out_plan import PlanExecution
    from shared.usecases.institution_health.gather_evidence import EvidenceGatherer
    from shared.usecases.institution_health.judge_institution import JudgeInstitution
    from shared.usecases.institution_health.publish_health import PublishHealth

    publish = PublishHealth(
        connections=container.connections(), published=container.published_health(), clock=container.clock()
    )
    execution = PlanExecution(
        pauses=sync_container.sync_pauses(),
        publish=publish,
        notify=notify_outage(),
        probes=_probes(),
        contacts=container.bank_contacts(),
        syncs=container.syncs(),
        queue=container.sync_queue(),
        clock=container.clock(),
    )
    return JudgeInstitution(
        detector=detector_named(container.settings().detector),
        records=container.health_records(),
        contacts=container.bank_contacts(),
        gather=EvidenceGatherer(contacts=container.bank_contacts(), ask_status=_ask_plaid_status()),
        probes=_probes(),
        execution=execution,
        withdraw=container.published_health().withdraw,
        tasks=container.tasks(),
        clock=container.clock(),
    )


def login_prompts() -> "LoginPrompts":
    """Sends pushes, and defers those that ask users to log in again."""
    from shared.usecases.institution_health.hold_login_prompts import LoginPrompts

    push = container.send_push()
    return LoginPrompts(
        connections=container.connections(),
        contacts=container.bank_contacts(),
        outages=_outages(),
        tasks=container.tasks(),
        send=lambda message, uid: push(message, app_user_id=uid),
        clock=container.clock(),
    )


def override_health() -> "OverrideHealth":
    """Sets operators' overrides."""
    from shared.usecases.institution_health.override_health import OverrideHealth

    return OverrideHealth(
        records=container.health_records(),
        tasks=container.tasks(),
        clock=container.clock(),
    )


def explainer() -> "Explainer":
    """Explains verdicts to operators."""
    from shared.adapters.template_explainer import TemplateExplainer

    return TemplateExplainer()


def _outages() -> "PausedOutages":
    from shared.usecases.institution_health.current_outages import PausedOutages

    return PausedOutages(paused=container.recently_paused(), clock=container.clock())


def _ask_plaid_status() -> "AskPlaidStatus":
    from shared.usecases.institution_health.ask_plaid_status import AskPlaidStatus

    settings = container.settings()
    return AskPlaidStatus(
        country_codes=settings.country_codes,
        key_pairs=settings.key_pairs,
        institutions=container.institutions(),
        plaid=container.plaid(),
    )


def _probes() -> "ConnectionProbes":
    from shared.usecases.institution_health.probe_connections import ConnectionProbes

    return ConnectionProbes(
        contacts=container.bank_contacts(),
        records=container.health_records(),
        syncs=container.syncs(),
        plaid=container.plaid(),
        access_tokens=tokens_container.access_tokens(),
        clock=container.clock(),
    )
