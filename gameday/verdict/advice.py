"""Why a code was raised in this run, and the cheapest change that would make an inconclusive verdict conclusive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gameday.clock import Ms, iso
from gameday.model.measure import LEDGER_METRICS
from gameday.model.tolerance import Tolerance
from gameday.model.types import write_duration
from gameday.plan import Plan
from gameday.verdict.bounds import Method
from gameday.verdict.codes import CODES
from gameday.verdict.facts import Facts
from gameday.verdict.faulted import fault_codes, never_asked, says
from gameday.verdict.judge import Judgement, baseline_least
from gameday.verdict.window import Evaluation

PERIODS_MS = (60_000, 30_000, 20_000, 10_000, 5_000, 1_000)  # what CloudWatch stores, high resolution included
CHANGES = {
    "FAULT_NOT_EFFECTIVE": "Check the fault's targets and parameters, and that its witness looks at those targets.",
    "FAULT_NOT_WITNESSED": "Give the fault an effective witness, a signal that is read and shows its effect.",
    "BASELINE_NOT_CLEAN": "Break nothing before the service has been seen undisrupted for a whole baseline.",
    "RECOVERY_NOT_CONFIRMED": "Let the run go on until the service has been steady for its hold (max_duration).",
    "RECOVERY_NOT_DEMONSTRATED": "Let the fault outlast the response, and put the response into the timeline.",
    "ABORTED": "Run again to the end; look first at what stopped it.",
    "COVERAGE_LOW": "Repair the source of the missing datapoints, or read a signal that outlives the fault.",
    "GAP_TOO_LONG": "Repair the source of the gap, or read a signal that outlives the fault.",
    "CLOCK_UNCERTAIN": "Synchronise the clocks and run again.",
    "BACKLOG_NOT_OBSERVED": "Name a signal of the backlog in measure.backlog and read it until it is cleared, or say "
    "end: service_restored with a reason.",
    "METRIC_NOT_MEASURED": "Name in measure what this metric needs, and let it be read; else judge a file of the data.",
    "CONFOUNDED": "Run again when nothing else touches the service.",
    "NOT_PREREGISTERED": "Plan again, and run the plan as it is registered before the first effect.",
}
PLAINLY = {
    "deadline": "Read the signal more often, or recover sooner: what was seen lies too close to the deadline itself.",
    "customers": "Count every customer, each once (rate: 1, distinct: first_seen), and say how many there are (total).",
    "data_loss_time": "Write canaries more often, and read every one of them back.",
    "data_integrity": "Read every canary back: of some it is not known whether they are there.",
}
STOPS = {
    "abort.asked": "Somebody asked for an abort",
    "guard.fired": "A guard fired",
    "guard.unreadable": "A guard could not be read",
}
# what must be put right before the next matters: a fault without effect makes the rest moot
ORDER = ("METRIC_NOT_MEASURED", "FAULT_NOT_EFFECTIVE", "FAULT_NOT_WITNESSED", "NOT_PREREGISTERED", "ABORTED")


def details(plan: Plan, tolerance: Tolerance, facts: Facts, window: Evaluation, codes: Iterable[str]) -> dict[str, str]:
    """For each code what in this run raised it, in a sentence; a code that needs none is left out."""
    return {code: text for code in codes if (text := _detail(code, plan, tolerance, facts, window))}


def _detail(code: str, plan: Plan, tolerance: Tolerance, facts: Facts, window: Evaluation) -> str:
    if code in ("FAULT_NOT_EFFECTIVE", "FAULT_NOT_WITNESSED"):
        return _faults(code, plan, facts)
    if code == "ABORTED":
        return _aborted(facts)
    if code == "METRIC_NOT_MEASURED":
        return _not_measured(plan, tolerance)
    if code == "CONFOUNDED":
        return "; ".join(f"{kind} at {iso(at)}{f': {why}' if why else ''}" for at, _, kind, why in facts.touched) + "."
    if code == "BASELINE_NOT_CLEAN" and window.buckets:
        return _baseline(tolerance, window)
    if code == "RECOVERY_NOT_CONFIRMED" and window.buckets:
        return _recovery(tolerance, window)
    return ""


def _not_measured(plan: Plan, tolerance: Tolerance) -> str:
    if plan.method == "tabletop":
        return "This was a tabletop, which breaks nothing and measures no tolerance: a day with method: live does."
    if tolerance.metric in LEDGER_METRICS:
        return "No canary ledger was reconciled; one is kept in a rehearsal only." if tolerance.measure.ledger else ""
    if tolerance.measure.sampled_by == "request" and tolerance.measure.rate < 1:
        return "A sample of requests does not say how many customers are behind them."
    read = {s.id for s in plan.signals}
    wanted = [name for name in tolerance.signals if name not in read]
    return f"Nothing read {', '.join(wanted)}." if wanted else ""


def _faults(code: str, plan: Plan, facts: Facts) -> str:
    told = [f"Fault {f.step}: {says(plan, f)}" for f in facts.faults.values() if code in fault_codes(f)]
    if code == "FAULT_NOT_EFFECTIVE" and facts.faults:
        told += [f"Fault {step} was never injected." for step in never_asked(plan, facts)]
    return " ".join(told) or "No fault was ever asked for."


def _aborted(facts: Facts) -> str:
    event = facts.stopped_by
    if event is None:
        return "The journal ends before the run did." if facts.ended_status is None else f"It {facts.ended_status}."
    why = event.what.get("why") or event.what.get("guard") or "no reason given"
    return f"{STOPS[event.type]} ({event.who}, {iso(event.at)}): {why}."


def _baseline(tolerance: Tolerance, window: Evaluation) -> str:
    least, dt = baseline_least(window.dt_ms), window.dt_ms
    before, bad_ones = window.states(tolerance)[: window.baseline], {"unknown", *tolerance.disrupted}
    bad = [i for i, state in enumerate(before) if state in bad_ones]
    if bad:
        first = window.buckets[bad[0]].start_ms
        return f"{len(bad)} of its {window.baseline} buckets were disrupted or unknown, the first at {iso(first)}."
    held = write_duration(window.baseline * dt)
    return f"It was shorter than D2 asks: {held} were read before the first fault, {write_duration(least)} are needed."


def _recovery(tolerance: Tolerance, window: Evaluation) -> str:
    found = window.states(tolerance)
    steady = 0
    for state in reversed(found):
        if state == "unknown" or state in tolerance.disrupted:
            break
        steady += window.dt_ms
    last = found[-1] if not steady else "undisrupted"
    held, seen = write_duration(tolerance.hold), write_duration(steady)
    return f"The last bucket, at {iso(window.end_ms - window.dt_ms)}, was {last}; {seen} of {held} were seen steady."


def to_conclude(tolerance: Tolerance, method: Method, judged: Judgement, why: dict[str, str]) -> str | None:
    """The one change that helps most, in words; None unless the verdict is inconclusive."""
    if judged["verdict"] != "inconclusive":
        return None
    if judged["codes"]:
        return _for_code(_foremost(judged["codes"]), why)
    if tolerance.metric == "duration":
        return _finer(tolerance, method, judged)
    if tolerance.metric in PLAINLY:
        return PLAINLY[tolerance.metric]
    if judged["m_hi"] is None:
        return "Count the attempts of every bucket at a source that outlives the fault; a bucket without them is open."
    return "Count every request (basis: census) and close the gaps, so that less has to be assumed."


def _foremost(codes: Sequence[str]) -> str:
    ranked = [*ORDER, *(code for code in CODES if code not in ORDER)]
    return min(codes, key=ranked.index)


def _for_code(code: str, why: dict[str, str]) -> str:
    return f"{CHANGES[code]} {why[code]}" if code in why else CHANGES[code]


def _finer(tolerance: Tolerance, method: Method, judged: dict[str, Any]) -> str:
    """The coarsest period at which the same outage would have been proven inside its limit."""
    doubt = _edges(judged, method)
    for period in (p for p in PERIODS_MS if p < method.dt_ms):
        hi = judged["m_hi_s"] * 1000 - doubt * (method.dt_ms - period)
        if hi < tolerance.limit or (hi == tolerance.limit and tolerance.comparator == "<="):
            now, then = write_duration(method.dt_ms), write_duration(period)
            return f"Read the signal every {then} instead of every {now}: the same outage would then be within."
    if method.clock_ms:
        return f"Run slower: the measured lag alone widens the interval by {_ms(method.clock_ms)}."
    return "No finer period helps: what was seen lies too close to the limit itself. Recover sooner, and test again."


def _edges(judged: dict[str, Any], method: Method) -> float:
    """How many periods of doubt the interval holds (D8)."""
    if method.mode != "cumulative":
        return 2.0
    span = (judged["m_hi_s"] - judged["m_lo_s"]) * 1000 - method.clock_ms
    return float(span // method.dt_ms)


def _ms(ms: Ms) -> str:
    return f"{ms / 1000:g} s"
