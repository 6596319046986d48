"""The verdict on a run, computed from plan, journal and signals alone: the content of verdict.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gameday.clock import iso
from gameday.errors import EXIT_CODES
from gameday.journal.events import Event
from gameday.model.tolerance import Tolerance
from gameday.plan import Plan, PlannedStep
from gameday.verdict.bounds import runs
from gameday.verdict.clocks import response_clocks
from gameday.verdict.codes import worst
from gameday.verdict.facts import Facts, Injected, gather
from gameday.verdict.judge import MEASURED, Judgement, judge, method_for
from gameday.verdict.recovery import not_demonstrated
from gameday.verdict.states import states
from gameday.verdict.window import NOTHING, Evaluation, Series, evaluation


def judge_run(plan: Plan, events: Sequence[Event], series: Series | None = None) -> dict[str, Any]:
    """verdict.json. ``series`` is signal -> bucket start -> value; without it, what the journal recorded is used."""
    facts = gather(events)
    given = run_codes(plan, facts)
    windows = {t.id: _window(plan, t, facts, facts.series if series is None else series) for t in plan.tolerances}
    judged = [_judge_one(plan, t, facts, windows[t.id], given) for t in plan.tolerances]
    verdict = worst(j["verdict"] for j in judged)
    outcome = _outcome(plan, facts, verdict)
    return {
        "outcome": outcome,
        "exit_code": EXIT_CODES[outcome],
        "verdict": verdict,
        "authorities": _by_authority(judged),
        "run": facts.run,
        "environment": facts.environment or plan.environment,
        "speed": facts.speed,
        "plan_digest": plan.digest,
        "t_go": _time(facts.t_go),
        "t0": _time(facts.t0),
        "tolerances": judged,
        "faults": [_fault(f) for f in facts.faults.values()],
        "expectations": [_expectation(s, facts) for s in plan.steps if _is_expectation(s)],
        "clocks": response_clocks(plan, facts, _impact(plan, windows)),
        "data": _data(facts, windows),
    }


def run_codes(plan: Plan, facts: Facts) -> set[str]:
    """Validity codes that hold for every tolerance of the run."""
    codes = {code for s in plan.steps if s.kind == "fault" for code in _fault_codes(facts.faults.get(s.id))}
    if plan.method == "live" and not facts.faults and any(s.kind == "fault" for s in plan.steps):
        codes.add("FAULT_NOT_EFFECTIVE")
    if facts.stopped_by is not None or facts.ended_status != "completed":
        codes.add("ABORTED")
    if facts.clock_steps:
        codes.add("CLOCK_UNCERTAIN")
    if not _preregistered(plan, facts):
        codes.add("NOT_PREREGISTERED")
    return codes | ({"METRIC_NOT_MEASURED"} if plan.method == "tabletop" else set())


def _fault_codes(fault: Injected | None) -> set[str]:
    if fault is None or fault.t0_ms is not None:
        return set()
    return {"FAULT_NOT_EFFECTIVE"} if fault.not_effective else {"FAULT_NOT_WITNESSED"}


def _preregistered(plan: Plan, facts: Facts) -> bool:
    first = facts.first_effect
    before = any(digest == plan.digest for seq, digest in facts.digests if first is None or seq < first)
    return before and all(digest == plan.digest for _, digest in facts.digests)


def _outcome(plan: Plan, facts: Facts, verdict: str) -> str:
    if any(fault.unseen for fault in facts.faults.values()):
        return "unsafe"
    if facts.stopped_by is not None or facts.ended_status != "completed":
        return "stopped"
    if plan.method == "tabletop" or facts.t0 is None:
        return "not tested"
    return verdict


def _by_authority(judged: Sequence[Judgement]) -> dict[str, str]:
    names = sorted({j["authority"] for j in judged})
    return {name: worst(j["verdict"] for j in judged if j["authority"] == name) for name in names}


def _window(plan: Plan, tolerance: Tolerance, facts: Facts, series: Series) -> Evaluation:
    measurable = tolerance.metric in MEASURED and tolerance.calendar == "always" and plan.method == "live"
    return evaluation(plan, tolerance, facts, series) if measurable else NOTHING


def _judge_one(plan: Plan, tolerance: Tolerance, facts: Facts, window: Evaluation, given: set[str]) -> Judgement:
    dt = window.dt_ms or 60_000
    method = method_for(tolerance, dt, facts.lag_ms, window.baseline * dt)
    codes = set(given)
    if window.buckets:
        found = states(window.buckets, tolerance.thresholds, tolerance.measure.basis)
        codes |= set() if window.baseline else {"BASELINE_NOT_CLEAN"}
        codes |= {"RECOVERY_NOT_DEMONSTRATED"} if not_demonstrated(plan, facts, window, found, method) else set()
    told = judge(tolerance, window.buckets, method, codes)
    return {**told, "resolution_s": window.dt_ms / 1000, "evidence": _evidence(tolerance, facts, window)}


def _evidence(tolerance: Tolerance, facts: Facts, window: Evaluation) -> list[str]:
    kinds = ("fault.effective", "fault.not_effective", "fault.stop_requested", "fault.ended", "fault.gone")
    seen = sorted(f.seqs[k] for f in facts.faults.values() for k in kinds if k in f.seqs)
    told = [f"event:{seq}" for seq in seen]
    if not window.buckets:
        return told
    found = states(window.buckets, tolerance.thresholds, tolerance.measure.basis)
    bad = [i for i, s in enumerate(found) if s == "unknown" or s in tolerance.disrupted]
    edges = [window.buckets[i].start_ms for i in sorted({*bad[:1], *bad[-1:]})] or [window.buckets[0].start_ms]
    return [*(f"signal:{tolerance.measure.failures}@{iso(t)}" for t in edges), *told]


def _impact(plan: Plan, windows: dict[str, Evaluation]) -> tuple[int, int, int] | None:
    """First and last disrupted instant over all tolerances, and the resolution there."""
    found = []
    for tolerance in plan.tolerances:
        window = windows[tolerance.id]
        known = states(window.buckets, tolerance.thresholds, tolerance.measure.basis)
        marks = [i for i, s in enumerate(known) if s in tolerance.disrupted and i >= window.baseline]
        if marks:
            first, last = window.buckets[marks[0]].start_ms, window.buckets[marks[-1]].start_ms + window.dt_ms
            found.append((first, last, window.dt_ms))
    return (min(f[0] for f in found), max(f[1] for f in found), max(f[2] for f in found)) if found else None


def _is_expectation(step: PlannedStep) -> bool:
    return step.kind in ("expect", "task") or step.expect is not None


def _expectation(step: PlannedStep, facts: Facts) -> dict[str, Any]:
    ended = facts.steps.get(step.id)
    return {
        "id": step.id,
        "kind": step.kind,
        "result": ended.result if ended else "not reached",
        "after_s": _seconds(ended.after_ms) if ended else None,
        "within_s": _seconds(step.within_ms),
        "why": ended.why if ended else None,
        "evidence": [f"event:{ended.seq}"] if ended else [],
    }


def _fault(fault: Injected) -> dict[str, Any]:
    return {
        "step": fault.step,
        "requested": _time(fault.requested_ms),
        "effective": _time(fault.t0_ms),
        "effective_witness": fault.witness,
        "ended": _time(fault.ended_ms),
        "gone": _time(fault.gone_ms),
        "gone_witness": fault.gone_witness,
        "seen_gone": not fault.unseen,
        "evidence": [f"event:{seq}" for seq in sorted(fault.seqs.values())],
    }


def _data(facts: Facts, windows: dict[str, Evaluation]) -> dict[str, Any]:
    return {
        "lag_s": facts.lag_ms / 1000,
        "disturbed": [[iso(since), iso(until)] for since, until in facts.disturbed],
        "clock_steps": facts.clock_steps,
        "failed_reads": facts.failed_reads,
        "windows": {ident: _quality(window) for ident, window in windows.items() if window.buckets},
    }


def _quality(window: Evaluation) -> dict[str, Any]:
    missing = [b.attempts is None or b.failures is None for b in window.buckets]
    gap = max((end - start for start, end in runs(missing)), default=0)
    return {
        "from": iso(window.buckets[0].start_ms),
        "to": iso(window.buckets[-1].start_ms + window.dt_ms),
        "resolution_s": window.dt_ms / 1000,
        "buckets": len(window.buckets),
        "baseline_buckets": window.baseline,
        "missing": sum(missing),
        "disturbed": window.disturbed,
        "longest_gap_s": gap * window.dt_ms / 1000,
    }


def _time(ms: int | None) -> str | None:
    return None if ms is None else iso(ms)


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000
