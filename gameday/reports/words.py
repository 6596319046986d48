"""The report's own words: numbers as people read them, reasons, the cheapest change, and what events say."""

from __future__ import annotations

from typing import Any

from gameday.clock import Ms
from gameday.journal.events import Event
from gameday.verdict.codes import CODES

CHANGES = {
    "FAULT_NOT_EFFECTIVE": "Check targets and parameters of the fault, and that its witness looks at those targets.",
    "FAULT_NOT_WITNESSED": "Give the fault `effective:` with a signal that is read and shows its effect.",
    "BASELINE_NOT_CLEAN": "Start only when the service has been undisrupted for a whole baseline.",
    "RECOVERY_NOT_CONFIRMED": "Let the run watch longer: raise `max_duration` by at least the hold.",
    "RECOVERY_NOT_DEMONSTRATED": "Let the fault outlast the response, and put the response in the timeline.",
    "ABORTED": "Run again to the end; look first at what stopped it.",
    "COVERAGE_LOW": "Repair the source of the missing datapoints, or read a signal that outlives the fault.",
    "GAP_TOO_LONG": "Repair the source of the gap, or read a signal that outlives the fault.",
    "CLOCK_UNCERTAIN": "Synchronise the clocks and run again.",
    "BACKLOG_NOT_OBSERVED": "Say `end: service_restored` with a reason, or show otherwise when it was cleared.",
    "METRIC_NOT_MEASURED": "Name attempts and failures in `measure:` and observe both; the rest needs other evidence.",
    "CONFOUNDED": "Run again when nothing else touches the service.",
    "NOT_PREREGISTERED": "Plan again and run with the plan as it is registered before the first effect.",
}

_SAYS = {
    "run.opened": "Run opened in {environment} at speed {speed}",
    "conductor.claimed": "A conductor took the run",
    "plan.registered": "Plan registered: {digest}",
    "go": "Go, on {on}",
    "phase.entered": "Phase {phase}",
    "timeline.started": "Timeline started",
    "step.started": "Step {step} started",
    "step.ended": "Step {step}: {result}",
    "fault.requested": "Fault {step} requested",
    "fault.accepted": "Fault {step} taken by its provider",
    "fault.targets": "Fault {step}: targets resolved",
    "fault.effective": "Fault {step} seen effective by {witness}",
    "fault.not_effective": "Fault {step} not seen effective by {witness}",
    "fault.stop_requested": "Fault {step}: stop requested, {why}",
    "fault.ended": "Fault {step}: its provider says {status}",
    "fault.gone": "Fault {step} seen gone by {witness}",
    "fault.not_gone": "Fault {step} NOT seen gone by {witness}",
    "prompt.delivered": "To {to}: {says}",
    "prompt.acknowledged": "Prompt {prompt} answered by {role}",
    "task.step_done": "Runbook step {step}, number {number}, done",
    "task.step_called": "Runbook step {step}, number {number}, called: {said}",
    "task.step_checked": "Runbook step {step}, number {number}, checked: {said}",
    "role.unavailable": "{role} is unavailable",
    "role.available": "{role} is available again",
    "observer.failed": "{source} could not be read: {error}",
    "alarm.changed": "Alarm {signal}: {state}",
    "rehearsal.disturbed": "The machine disturbed the rehearsal",
    "clock.stepped": "A clock stepped by {by_ms} ms",
    "guard.fired": "Guard {guard} fired",
    "guard.unreadable": "Guard {guard} could not be read",
    "hold.started": "Hold: {why}",
    "hold.ended": "Hold ended",
    "step.skip_asked": "Skip of {step} asked",
    "abort.asked": "Abort asked: {why}",
    "note": "Note: {text}",
    "command.refused": "{command} refused: {why}",
    "undo.started": "Undo started: {why}",
    "undo.done": "Undo of {step} done",
    "undo.failed": "Undo of {step} FAILED: {error}",
    "run.ended": "Run {status}",
}


class _Absent(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "(not recorded)"


def says(event: Event) -> str:
    """One event in words; an unknown type shows its name."""
    return _SAYS.get(event.type, event.type).format_map(_Absent(event.what))


def clock(seconds: float | None) -> str:
    """``22:00`` or ``1:45:00``; unbounded when None."""
    if seconds is None:
        return "unbounded"
    whole = round(abs(seconds), 3)
    hours, rest = divmod(int(whole), 3600)
    fraction = f"{whole % 1:.3f}".lstrip("0").rstrip("0").rstrip(".") if whole % 1 else ""
    text = f"{hours}:{rest // 60:02d}" if hours else f"{rest // 60}"
    return f"{'-' if seconds < 0 else ''}{text}:{rest % 60:02d}{fraction}"


def offset(ms: Ms | None, since: Ms | None) -> str:
    """``+4:05`` after the go; empty when there was no go."""
    if ms is None or since is None:
        return ""
    return ("-" if ms < since else "+") + clock(abs(ms - since) // 1000)


def measured(judged: dict[str, Any], key: str) -> str:
    """One of m_lo, m_hi, limit, margin as people read it."""
    if f"{key}_s" in judged:
        return clock(judged[f"{key}_s"])
    value = judged.get(key)
    return "unbounded" if value is None else f"{value:,}"


def used(judged: dict[str, Any]) -> str:
    """``used 41-47 %``; nobody reads a share of a limit of nothing."""
    lo, hi = judged["used"]
    if lo is None:
        return "no share of a limit of 0"
    low = int(round(lo * 100, 6))  # rounded down, and the upper one up: the interval never looks narrower than it is
    if hi is None:
        return f"used at least {low} %"
    high = -int(-round(hi * 100, 6) // 1)
    return f"used {low}-{high} %" if high != low else f"used {low} %"


def reasons(judged: dict[str, Any]) -> list[str]:
    """Why this verdict, in plain words."""
    if judged["verdict"] == "breached":
        first = [f"Even the lower bound, {measured(judged, 'm_lo')}, is beyond the limit {measured(judged, 'limit')}."]
    elif judged["verdict"] == "within":
        first = [f"Even the upper bound, {measured(judged, 'm_hi')}, is inside the limit {measured(judged, 'limit')}."]
    elif not judged["codes"]:
        first = ["The limit lies inside the interval: the data is too coarse this close to the limit."]
    else:
        first = []
    return [*first, *(f"{code}: {CODES[code]}." for code in judged["codes"])]


def cheapest(judged: dict[str, Any]) -> str | None:
    """The one change that helps most; only an inconclusive verdict needs one."""
    if judged["verdict"] != "inconclusive":
        return None
    if judged["codes"]:
        return CHANGES[judged["codes"][0]]
    if judged["metric"] == "duration":
        return f"Read the signal at a period finer than {judged['resolution_s']:g} s; each side adds one period."
    return "Count every request (`basis: census`) and close the gaps, so that less has to be assumed."
