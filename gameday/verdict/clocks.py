"""Response clocks: how long after the fault took effect each thing happened, as intervals, from events alone."""

from __future__ import annotations

from gameday.clock import Ms
from gameday.plan import Plan
from gameday.verdict.facts import Facts, Injected
from gameday.verdict.recovery import withdrawal

Span = tuple[Ms, Ms]
Clocks = dict[str, list[float]]


def effect_span(plan: Plan, fault: Injected) -> Span | None:
    """Within which time the fault took effect: the witness's bucket, not before the request."""
    if fault.t0_ms is None:
        return None
    if fault.bucket_ms is None:
        return fault.t0_ms, fault.t0_ms
    period = next((s.period_ms for s in plan.signals if (fault.witness or "").split(" ")[0] == s.id), 0)
    latest = max(fault.t0_ms, fault.bucket_ms + period)
    return max(fault.requested_ms, min(fault.bucket_ms, fault.t0_ms)), max(fault.requested_ms, latest)


def response_clocks(plan: Plan, facts: Facts, impact: tuple[Ms, Ms, Ms] | None) -> Clocks:
    """Seconds ``[lo, hi]`` since the fault took effect; what did not happen is not there."""
    effects = [(span, f) for f in facts.faults.values() if (span := effect_span(plan, f)) is not None]
    if not effects:
        return {}
    zero, fault = min(effects, key=lambda pair: pair[0])
    clocks: Clocks = {"fault_effective_after_request_s": _between((fault.requested_ms, fault.requested_ms), zero)}
    spans = {**_events(facts), **_impact(impact), **_removal(plan, facts)}
    return clocks | {name: _between(zero, span) for name, span in spans.items() if span[1] >= zero[0]}


def _events(facts: Facts) -> dict[str, Span]:
    since = facts.requested_ms or 0
    firsts = {
        "detected_by_machine_s": min((t for t, *_ in facts.alarms if t >= since), default=None),
        "acknowledged_by_people_s": min((t for t, _ in facts.acknowledged if t >= since), default=None),
        "first_response_step_s": min((t for t, _ in facts.responses if t >= since), default=None),
    }
    return {name: (at, at) for name, at in firsts.items() if at is not None}


def _impact(impact: tuple[Ms, Ms, Ms] | None) -> dict[str, Span]:
    if impact is None:
        return {}
    first, last, dt = impact
    return {"first_impact_s": (first - dt, first + dt), "impact_ended_s": (last - dt, last + dt)}


def _removal(plan: Plan, facts: Facts) -> dict[str, Span]:
    """Of the fault that lasted longest."""
    faults = facts.faults.values()
    spans = [s for f in faults if (s := withdrawal(plan, f)) is not None]
    gone = [f.gone_ms for f in faults if f.gone_ms is not None]
    found = {"fault_withdrawn_s": max(spans, key=lambda s: s[1])} if spans else {}
    return found | ({"fault_gone_s": (max(gone), max(gone))} if gone and len(gone) == len(faults) else {})


def _between(zero: Span, span: Span) -> list[float]:
    """The shortest and longest time between two instants of which each is known to an interval."""
    return [max(0, span[0] - zero[1]) / 1000, max(0, span[1] - zero[0]) / 1000]
