"""Explanations from fixed sentences: the default, and the fallback of any other explainer."""

from shared.domain.institution_health.evidence import HealthState, OutageKind, PlaidStatus, RefreshInterval, Verdict
from shared.ports.explainer import Facts

_STATES = {
    HealthState.HEALTHY: "{bank} is healthy",
    HealthState.SUSPECTED: "{bank} may have a problem since {since}",
    HealthState.DEGRADED: "{bank} is degraded since {since}",
    HealthState.DOWN: "{bank} is down since {since}",
    HealthState.RECOVERING: "{bank} is recovering since {since}",
}
_KINDS = {
    OutageKind.LOGIN: "logins fail",
    OutageKind.DATA: "data does not arrive",
    OutageKind.BOTH: "logins fail and data does not arrive",
}
_REASONS = {
    "many_failures": "{failed} failed, which chance does not explain ({tail})",
    "live_calls_fail": "{failed} failed in live calls, while Plaid's own updates still work ({tail})",
    "some_failures": "{failed} failed, more than usual ({tail})",
    "failures_and_plaid": "{failed} failed, and Plaid reports trouble as well",
    "first_failures": "{failed} failed; more connections are being checked",
    "plaid_reports": "Plaid reports trouble, but no failure was seen here",
    "plaid_or_us": "other banks fail at the same time, so the cause is Plaid or our own keys",
    "others_unknown": "{failed} failed, but it is unknown whether other banks work",
    "no_new_evidence": "no new evidence for a day",
    "not_recovered_yet": "it has not looked healthy for 15 minutes yet",
    "operator": "an operator set this state",
}


class TemplateExplainer:
    """Explains a verdict with a fixed sentence for each reason."""

    def explain(self, facts: Facts) -> str:
        """The state with its reason, then Plaid's own view."""
        verdict = facts.verdict
        state = _STATES[verdict.state].format(bank=facts.bank, since=f"{verdict.since:%Y-%m-%d %H:%M} UTC")
        if verdict.state is HealthState.HEALTHY:
            return f"{state}. {_plaid(facts.plaid)}"
        kind = f" ({_KINDS[verdict.kind]})" if verdict.kind is not None else ""
        reason = _REASONS.get(verdict.reason, verdict.reason)
        words = reason.format(failed=_failed(verdict), tail=_chance(verdict.tail))
        return f"{state}{kind}: {words}. It has {_count(facts.connections, 'connection')}. {_plaid(facts.plaid)}"


def _failed(verdict: Verdict) -> str:
    checked = f"{verdict.failing} of {_count(verdict.seen, 'checked connection')}"
    return f"{checked} of {_count(verdict.users_failing, 'user')}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _chance(tail: float) -> str:
    return f"1 in {1 / tail:,.0f}" if tail > 1e-9 else "less than 1 in 1,000,000,000"


def _plaid(plaid: PlaidStatus | None) -> str:
    if plaid is None:
        return "Plaid reports no status for it."
    delayed = {
        RefreshInterval.NORMAL: "",
        RefreshInterval.DELAYED: ", and its updates are delayed",
        RefreshInterval.STOPPED: ", and its updates have stopped",
    }[plaid.refresh_interval]
    return f"Plaid reports {plaid.success:.0%} of requests as successful{delayed}."
