"""The verdict on a run, computed from plan, journal and signals alone: the content of verdict.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gameday.clock import Ms, iso
from gameday.errors import EXIT_CODES
from gameday.journal.events import Event
from gameday.model.measure import LEDGER_METRICS
from gameday.model.tolerance import Tolerance
from gameday.plan import Plan, PlannedStep
from gameday.verdict.advice import details, to_conclude
from gameday.verdict.bounds import Method, runs
from gameday.verdict.clocks import Impact, alarms, response_clocks, sources_of
from gameday.verdict.codes import worst
from gameday.verdict.edges import where_it_broke
from gameday.verdict.facts import Facts, gather
from gameday.verdict.faulted import fault_codes, never_asked, told
from gameday.verdict.integrity import Reconciled, reconciled
from gameday.verdict.judge import Judgement, baseline_least, judge, judge_ledger, method_for
from gameday.verdict.recovery import not_demonstrated
from gameday.verdict.window import NOTHING, Evaluation, Series, evaluation


def judge_run(plan: Plan, events: Sequence[Event], series: Series | None = None) -> dict[str, Any]:
    """verdict.json. ``series`` is signal -> bucket start -> value; without it, what the journal recorded is used."""
    facts = gather(events)
    given = run_codes(plan, facts)
    read = facts.series if series is None else series
    windows = {t.id: _window(plan, t, facts, read) for t in (*plan.tolerances, *plan.objectives)}
    judged = [_judge_one(plan, t, facts, windows[t.id], given) for t in plan.tolerances]
    objectives = [_judge_one(plan, t, facts, windows[t.id], given) for t in plan.objectives]
    verdict = worst(j["verdict"] for j in judged)
    outcome = _outcome(plan, facts, verdict)
    impact = _impact(plan, windows)
    clocks, evidence = response_clocks(plan, facts, impact)
    return {
        "outcome": outcome,
        "exit_code": EXIT_CODES[outcome],
        "verdict": verdict,
        "was_unsafe": _span(facts.unsafe_from, facts.unsafe_until),
        "not_conducted": [_span(*absence) for absence in facts.absences],
        "authorities": _by_authority(judged),
        "run": facts.run,
        "environment": facts.environment or plan.environment,
        "speed": facts.speed,
        "plan_digest": plan.digest,
        "t_go": _time(facts.t_go),
        "t0": _time(facts.t0),
        "impact": _impact_told(impact),
        "tolerances": judged,
        "objectives": objectives,
        "faults": [told(plan, f) for f in facts.faults.values()],
        "expectations": [_expectation(s, facts) for s in plan.steps if _is_expectation(s)],
        "clocks": clocks,
        "clocks_evidence": evidence,
        "clocks_source": sources_of(clocks),
        "alarms": alarms(plan, facts),
        "graph": where_it_broke(facts.graphs, plan.service_map),
        "data": _data(facts, windows),
    }


def _span(since: Ms | None, until: Ms | None) -> dict[str, str | None] | None:
    return None if since is None else {"from": _time(since), "until": _time(until)}


def run_codes(plan: Plan, facts: Facts) -> set[str]:
    """Validity codes that hold for every tolerance of the run."""
    codes = {code for fault in facts.faults.values() for code in fault_codes(fault)}
    if plan.method == "live" and never_asked(plan, facts):
        codes.add("FAULT_NOT_EFFECTIVE")
    if facts.stopped_by is not None or facts.ended_status != "completed":
        codes.add("ABORTED")
    if facts.clock_steps:
        codes.add("CLOCK_UNCERTAIN")
    if not _preregistered(plan, facts):
        codes.add("NOT_PREREGISTERED")
    return codes | ({"METRIC_NOT_MEASURED"} if plan.method == "tabletop" else set())


def _preregistered(plan: Plan, facts: Facts) -> bool:
    first = facts.first_effect
    before = any(digest == plan.digest for seq, digest in facts.digests if first is None or seq < first)
    return before and all(digest == plan.digest for _, digest in facts.digests) and len(set(facts.plan_hashes)) < 2


def _outcome(plan: Plan, facts: Facts, verdict: str) -> str:
    if facts.unseen:
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
    if plan.method != "live":
        return NOTHING
    return evaluation(plan, tolerance, facts, series)


def _judge_one(plan: Plan, tolerance: Tolerance, facts: Facts, window: Evaluation, given: set[str]) -> Judgement:
    dt = window.dt_ms or 60_000
    method = method_for(tolerance, dt, facts.lag_ms, window.baseline * dt)
    codes = given | _window_codes(plan, tolerance, facts, window, method) | _clock_codes(tolerance, facts)
    if tolerance.metric in LEDGER_METRICS:
        judged = _late(judge_ledger(tolerance, _ledger(tolerance, facts), codes), tolerance, facts)
    else:
        judged = judge(tolerance, window.buckets, method, codes, window.backlog, window.also)
    why = details(plan, tolerance, facts, window, judged["codes"])
    return {
        **judged,
        "details": why,
        "to_conclude": to_conclude(tolerance, method, judged, why),
        "resolution_s": window.dt_ms / 1000,
        "evidence": _evidence(tolerance, facts, window),
    }


def _clock_codes(tolerance: Tolerance, facts: Facts) -> set[str]:
    """D15: two clocks that differ by more than a twentieth of a limit that is a time. A deadline's is a time of day."""
    far = tolerance.metric in ("duration", "data_loss_time") and facts.clock_off_ms * 20 > int(tolerance.limit)
    return {"CLOCK_UNCERTAIN"} if far else set()


def _ledger(tolerance: Tolerance, facts: Facts) -> Reconciled | None:
    """The canary ledger that the tolerance names, as it was at recovery, else at the end."""
    name = tolerance.measure.ledger or ""
    event = None if name in facts.ledgers_unread else facts.ledgers.get(name)
    return reconciled(event.what) if event else None


def _late(judged: Judgement, tolerance: Tolerance, facts: Facts) -> Judgement:
    """How many of what was lost at recovery had come when the run ended. That changes nothing: they were not there
    when customers asked, and the fault was taken back by us, not by those who answered (as in D22)."""
    end = facts.ledgers_at_end.get(tolerance.measure.ledger or "")
    if end is None or "ledger" not in judged:
        return judged
    late = judged["ledger"]["lost"][0] - reconciled(end.what).lost[1]
    return {**judged, "ledger": {**judged["ledger"], "late": max(0, late)}}


def _window_codes(plan: Plan, tolerance: Tolerance, facts: Facts, window: Evaluation, method: Method) -> set[str]:
    codes = {"CONFOUNDED"} if any(not window.buckets or window.holds(at) for at, *_ in facts.touched) else set()
    if not window.buckets:
        return codes
    if window.baseline * window.dt_ms < baseline_least(window.dt_ms):
        codes.add("BASELINE_NOT_CLEAN")
    if not_demonstrated(plan, facts, window, window.states(tolerance), method):
        codes.add("RECOVERY_NOT_DEMONSTRATED")
    return codes


def _evidence(tolerance: Tolerance, facts: Facts, window: Evaluation) -> list[str]:
    kinds = ("fault.effective", "fault.not_effective", "fault.stop_requested", "fault.ended", "fault.gone")
    seen = sorted(f.seqs[k] for f in facts.faults.values() for k in kinds if k in f.seqs)
    if tolerance.metric in LEDGER_METRICS and (ledger := facts.ledgers.get(tolerance.measure.ledger or "")):
        seen.append(ledger.seq)
    events = [f"event:{seq}" for seq in seen]
    if not window.buckets:
        return events
    found = window.states(tolerance)
    bad = [i for i, s in enumerate(found) if s == "unknown" or s in tolerance.disrupted]
    edges = [window.buckets[i].start_ms for i in sorted({*bad[:1], *bad[-1:]})] or [window.buckets[0].start_ms]
    return [*(f"signal:{tolerance.pair[1]}@{iso(t)}" for t in edges), *events]


def _impact(plan: Plan, windows: dict[str, Evaluation]) -> Impact | None:
    """First and last disrupted instant over all tolerances, and when the service had been steady for its hold."""
    found = [i for t in plan.tolerances if (i := _impact_of(t, windows[t.id])) is not None]
    if not found:
        return None
    first, last = min(found, key=lambda i: i.first_ms), max(found, key=lambda i: i.last_ms)
    steady = [i.steady_ms for i in found]
    return Impact(
        first.first_ms,
        last.last_ms,
        max(i.dt_ms for i in found),
        None if None in steady else max(s for s in steady if s is not None),
        (first.evidence[0], last.evidence[1]),
    )


def _impact_of(tolerance: Tolerance, window: Evaluation) -> Impact | None:
    known = window.states(tolerance)
    marks = [i for i, s in enumerate(known) if s in tolerance.disrupted and i >= window.baseline]
    if not marks:
        return None
    first, last = (window.buckets[i].start_ms for i in (marks[0], marks[-1]))
    hold = -(-tolerance.hold // window.dt_ms)
    after = known[marks[-1] + 1 : marks[-1] + 1 + hold]
    steady = last + (1 + hold) * window.dt_ms if len(after) == hold and "unknown" not in after else None
    signal = tolerance.pair[1]
    evidence = (f"signal:{signal}@{iso(first)}", f"signal:{signal}@{iso(last)}")
    return Impact(first, last + window.dt_ms, window.dt_ms, steady, evidence)


def _impact_told(impact: Impact | None) -> dict[str, Any] | None:
    if impact is None:
        return None
    return {
        "first": iso(impact.first_ms),
        "ended": iso(impact.last_ms),
        "steady": _time(impact.steady_ms),
        "resolution_s": impact.dt_ms / 1000,
        "evidence": list(impact.evidence),
    }


def _is_expectation(step: PlannedStep) -> bool:
    return step.kind in ("expect", "task", "question") or step.expect is not None


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
