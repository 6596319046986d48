"""Response clocks: how long after the fault took effect each thing happened, as intervals, from events alone.

Two clocks are kept where two exist: what a machine detected (an alarm) and what a person did. What did not happen, or
left no event, has no clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gameday.clock import Ms
from gameday.model.scenario import AlarmExpectation
from gameday.plan import Plan
from gameday.verdict.facts import Facts, Mark
from gameday.verdict.injected import Injected
from gameday.verdict.recovery import withdrawal

Span = tuple[Ms, Ms]
Moment = tuple[Span, list[str]]  # within which time something happened, and what shows it
Clocks = dict[str, list[float]]
_SAID = ("declared", "roles_filled", "communicated", "diagnosed", "mitigated", "all_clear")


@dataclass(frozen=True)
class Impact:
    """When service was first and last disrupted, over all tolerances, and when it had been steady for its hold."""

    first_ms: Ms
    last_ms: Ms
    dt_ms: Ms
    steady_ms: Ms | None
    evidence: tuple[str, str]


def effect_span(plan: Plan, fault: Injected) -> Span | None:
    """Within which time the fault took effect: the witness's bucket, not before the request."""
    if fault.t0_ms is None:
        return None
    if fault.bucket_ms is None:
        return fault.t0_ms, fault.t0_ms
    period = next((s.period_ms for s in plan.signals if (fault.witness or "").split(" ")[0] == s.id), 0)
    latest = max(fault.t0_ms, fault.bucket_ms + period)
    return max(fault.requested_ms, min(fault.bucket_ms, fault.t0_ms)), max(fault.requested_ms, latest)


def response_clocks(plan: Plan, facts: Facts, impact: Impact | None) -> tuple[Clocks, dict[str, list[str]]]:
    """Seconds ``[lo, hi]`` since the fault took effect, and the events or signals that show each; what did not happen
    is not there."""
    effects = [(span, f) for f in facts.faults.values() if (span := effect_span(plan, f)) is not None]
    if not effects:
        return {}, {}
    zero, fault = min(effects, key=lambda pair: pair[0])
    asked = fault.requested_ms
    clocks: Clocks = {"fault_effective_after_request_s": _between((asked, asked), zero)}
    evidence = {"fault_effective_after_request_s": _events(fault, "fault.requested", "fault.effective")}
    if fault.accepted_ms is not None:
        clocks["fault_accepted_after_request_s"] = [max(0, fault.accepted_ms - asked) / 1000] * 2
        evidence["fault_accepted_after_request_s"] = _events(fault, "fault.requested", "fault.accepted")
    moments = {**_firsts(plan, facts, fault), **_impact(impact), **_removal(plan, facts)}
    for name, (span, shown) in moments.items():
        if span[1] >= zero[0]:
            clocks[name], evidence[name] = _between(zero, span), shown
    if (taken := _acknowledgement(facts)) is not None:
        clocks["acknowledged_after_page_s"], evidence["acknowledged_after_page_s"] = taken
    return clocks, evidence


def _acknowledgement(facts: Facts) -> tuple[list[float], list[str]] | None:
    """From the page to its own acknowledgement, of the first that was acknowledged since the fault was asked for. Both
    are instants of one clock, the conductor's."""
    since = facts.requested_ms or 0
    pairs = [(facts.paged[p], ack) for p, ack in facts.answered.items() if p in facts.paged and ack[0] >= since]
    if not pairs:
        return None
    page, ack = min(pairs, key=lambda pair: pair[1])
    return [max(0, ack[0] - page[0]) / 1000] * 2, [f"event:{page[1]}", f"event:{ack[1]}"]


def marked(plan: Plan, facts: Facts) -> dict[str, list[Mark]]:
    """What happened by the words of people, and by the steps that show it when they are met or done."""
    found = {word: list(marks) for word, marks in facts.marked.items()}
    for step in plan.steps:
        ended = facts.steps.get(step.id)
        if step.marks is not None and ended is not None and ended.result in ("met", "done"):
            found.setdefault(step.marks, []).append((ended.at, ended.seq))
    return found


SOURCES = {
    "detected_by_machine_s": "machine", "page_delivered_s": "machine", "detected_by_people_s": "people",
    "acknowledged_by_people_s": "people", "acknowledged_after_page_s": "people", "declared_s": "people",
    "roles_filled_s": "people", "communicated_s": "people", "diagnosed_s": "people", "mitigated_s": "people",
    "all_clear_s": "people", "mitigation_began_s": "people", "first_response_step_s": "people",
}  # fmt: skip


def sources_of(clocks: Clocks) -> dict[str, str]:
    """Who or what says each clock: people, a machine, or derived from the signals."""
    return {name: SOURCES.get(name, "derived") for name in clocks}


def alarms(plan: Plan, facts: Facts) -> list[dict[str, Any]]:
    """Each alarm that was expected or fired: ``fired``, ``silent`` (expected, and it did not) or ``unexpected``."""
    since, first = facts.requested_ms or 0, dict[str, Mark]()
    for at, seq, signal in sorted(facts.alarms):
        if at >= since:
            first.setdefault(signal, (at, seq))
    told = []
    for step in plan.steps:
        if not isinstance(step.expect, AlarmExpectation) or step.expect.state != "ALARM":
            continue
        names = _names(plan, step.expect.alarm)
        mark = next((first.pop(name) for name in names if name in first), None)
        met = step.id in facts.steps and facts.steps[step.id].result == "met"
        told.append(_alarm(step.expect.alarm, True, "fired" if mark or met else "silent", mark))
    return told + [_alarm(name, False, "unexpected", mark) for name, mark in sorted(first.items())]


def _names(plan: Plan, alarm: str) -> list[str]:
    """The signals that may read this alarm: its observer's id, or the one whose query names it."""
    return [alarm, *(s.id for s in plan.signals if s.query.get("alarm") == alarm)]


def _alarm(name: str, expected: bool, result: str, mark: Mark | None) -> dict[str, Any]:
    return {
        "alarm": name,
        "expected": expected,
        "result": result,
        "evidence": [] if mark is None else [f"event:{mark[1]}"],
    }


def _firsts(plan: Plan, facts: Facts, fault: Injected) -> dict[str, Moment]:
    said = marked(plan, facts)
    alarms_seen = [(at, seq) for at, seq, _ in facts.alarms]
    seen = [(fault.effective_ms, fault.seqs["fault.effective"])] if fault.effective_ms is not None else []
    since = facts.requested_ms or 0
    firsts = {
        "effect_seen_s": _first(seen, since),
        "detected_by_machine_s": _first(alarms_seen, since),
        "page_delivered_s": _first(facts.pages, since),
        "detected_by_people_s": _first([*facts.noticed, *said.get("detected", ())], since),
        "acknowledged_by_people_s": _first(facts.acknowledged, since),
        "mitigation_began_s": _first([*facts.mitigations, *said.get("mitigation_started", ())], since),
        "first_response_step_s": _first(facts.responses, since),
        **{f"{word}_s": _first(said.get(word, ()), since) for word in _SAID},
    }
    return {name: moment for name, moment in firsts.items() if moment is not None}


def _first(marks: Iterable[Mark], since: Ms) -> Moment | None:
    at, seq = min((m for m in marks if m[0] >= since), default=(None, 0))
    return None if at is None else ((at, at), [f"event:{seq}"])


def _impact(impact: Impact | None) -> dict[str, Moment]:
    if impact is None:
        return {}
    dt, (first, last) = impact.dt_ms, impact.evidence
    found: dict[str, Moment] = {
        "first_impact_s": ((impact.first_ms - dt, impact.first_ms + dt), [first]),
        "impact_ended_s": ((impact.last_ms - dt, impact.last_ms + dt), [last]),
    }
    if impact.steady_ms is not None:
        found["steady_verified_s"] = ((impact.steady_ms - dt, impact.steady_ms + dt), [last])
    return found


def _removal(plan: Plan, facts: Facts) -> dict[str, Moment]:
    """Of the fault that lasted longest."""
    faults = list(facts.faults.values())
    spans = [(s, f) for f in faults if (s := withdrawal(plan, f)) is not None]
    gone = [(f.gone_ms, f) for f in faults if f.gone_ms is not None]
    found: dict[str, Moment] = {}
    if spans:
        span, last = max(spans, key=lambda pair: pair[0][1])
        found["fault_withdrawn_s"] = span, _events(last, "fault.stop_requested", "fault.ended")
    if gone and len(gone) == len(faults):
        at, last = max(gone, key=lambda pair: pair[0])
        found["fault_gone_s"] = (at, at), _events(last, "fault.gone")
    return found


def _events(fault: Injected, *types: str) -> list[str]:
    return [f"event:{fault.seqs[t]}" for t in types if t in fault.seqs]


def _between(zero: Span, span: Span) -> list[float]:
    """The shortest and longest time between two instants of which each is known to an interval."""
    return [max(0, span[0] - zero[1]) / 1000, max(0, span[1] - zero[0]) / 1000]
