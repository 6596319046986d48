"""The report's own words: numbers as people read them, reasons, and what events say."""

from __future__ import annotations

import math
from typing import Any

from gameday.clock import Ms
from gameday.journal.events import Event
from gameday.verdict.codes import CODES

OUTCOMES = {
    "within": "Every tolerance was kept, and the data proves it.",
    "breached": "At least one tolerance was breached: even the lower bound is beyond its limit.",
    "inconclusive": "At least one tolerance is neither proven kept nor proven breached; the reasons follow.",
    "not tested": "No fault was seen to have an effect, so the hypothesis was not tested.",
    "stopped": "The run was stopped before its timeline ended; what was measured until then still stands.",
    "unsafe": "Something that was injected was NOT seen gone. Look at the faults below, and at the resource, now.",
}
CLOCKS = {
    "first_impact_s": "Customers first affected",
    "effect_seen_s": "The fault's witness had seen it",
    "detected_by_machine_s": "Detected by a machine: the first alarm",
    "page_delivered_s": "The first page was delivered",
    "detected_by_people_s": "Noticed by people",
    "acknowledged_by_people_s": "Acknowledged by people",
    "acknowledged_after_page_s": "From a page to its acknowledgement",
    "declared_s": "Declared an incident",
    "roles_filled_s": "The roles were filled",
    "communicated_s": "First message to those outside",
    "diagnosed_s": "Diagnosed",
    "mitigation_began_s": "Mitigation began",
    "mitigated_s": "Mitigated, say people",
    "all_clear_s": "All clear given",
    "first_response_step_s": "The first runbook step was done",
    "impact_ended_s": "Customers served again",
    "steady_verified_s": "Steady for the whole hold",
    "fault_withdrawn_s": "The fault was withdrawn",
    "fault_gone_s": "The fault was seen gone",
    "fault_accepted_after_request_s": "From request to the provider's yes",
    "fault_effective_after_request_s": "From request to effect",
}
MINOR_DIGITS = {
    0: {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"},
    3: {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"},
}
METRICS = {
    "duration": "time without service",
    "deadline": "time past a deadline",
    "failed_transactions": "transactions that failed",
    "customers": "customers affected",
    "value": "value affected",
    "data_loss_time": "time of data lost",
    "data_integrity": "records lost or corrupt",
}
REACTIONS = {"acknowledge": "acknowledged", "answer": "answered", "perform": "took it on"}
_SAYS = {
    "run.opened": "Run opened in {environment} at speed {speed}",
    "conductor.claimed": "A conductor took the run",
    "plan.registered": "Plan registered: {digest}",
    "go": "Go, on {on}",
    "phase.entered": "Phase {phase}",
    "timeline.started": "The timeline starts",
    "step.started": "Step {step} started",
    "step.ended": "Step {step}: {result}",
    "fault.requested": "Fault {step} requested",
    "fault.accepted": "Fault {step} taken by its provider",
    "fault.targets": "Fault {step}: targets resolved",
    "fault.effective": "Fault {step} took effect, seen by its witness: {witness}",
    "fault.not_effective": "Fault {step} had NO effect that its witness saw: {witness}",
    "fault.stop_requested": "Fault {step}: stop requested, {why}",
    "fault.ended": "Fault {step}: its provider says {status}",
    "fault.gone": "Fault {step} is gone, seen by: {witness}",
    "fault.not_gone": "Fault {step} was NOT seen gone by: {witness}",
    "prompt.delivered": "To {to}: {says}",
    "prompt.paged": "Page to {to} by {channel}: {receipt}",
    "prompt.unpaged": "The page to {to} by {channel} was NOT delivered: {error}",
    "task.step_done": "Runbook step {number} done",
    "task.step_called": "Runbook step {number}: its call was made ({said})",
    "task.step_checked": "Runbook step {number}: checked ({said})",
    "ledger.reconciled": "Ledger of {ledger}: {present} of {acked} canaries are there, {corrupt} corrupt",
    "ledger.unread": "The ledger of {ledger} could not be reconciled: {error}",
    "task.step_calling": "Runbook step {number}: its call is about to be made",
    "task.step_skipped": "Runbook step {number} was left out: {why}",
    "task.step_wrong": "Runbook step {number} is WRONG: {text}",
    "task.step_missing": "After runbook step {number} one is MISSING: {text}",
    "people.registered": "People: scripted but for {held}",
    "step.fire_asked": "Step {step} was begun by hand",
    "step.delay_asked": "Step {step} was delayed by {by_ms} ms",
    "step.scored": "Step {step} was scored {score}: {comment}",
    "branch.taken": "After step {step} ({score}, by {by}) goes on: {leads_to}",
    "access.expired": "The access of {role} has expired",
    "access.restored": "The access of {role} is restored: {why}",
    "channel.down": "The channel {channel} is down",
    "channel.up": "The channel {channel} is up again",
    "role.unavailable": "{role} is unavailable",
    "role.available": "{role} is available again",
    "observer.failed": "{source} could not be read: {error}",
    "graph.seen": "The service graph of the {window} window was read",
    "graph.failed": "The service graph of the {window} window could not be read: {error}",
    "alarm.changed": "Alarm {signal}: {state}",
    "rehearsal.disturbed": "The machine disturbed the rehearsal",
    "service.touched": "Something else touched the service ({kind}): {why}",
    "clock.stepped": "A clock stepped by {by_ms} ms",
    "guard.fired": "Guard {guard} fired",
    "guard.unreadable": "Guard {guard} could not be read",
    "hold.started": "Hold: {why}",
    "hold.ended": "Hold ended",
    "step.skip_asked": "Skip of {step} asked",
    "abort.asked": "Abort asked: {why}",
    "emergency.asked": "EMERGENCY asked: {why}",
    "lever.engaged": "The FIS safety lever of {place} was engaged: nothing runs or begins there until it is released",
    "lever.failed": "The FIS safety lever of {place} could NOT be engaged: {error} (failure {count})",
    "fault.stop_failed": "Fault {step} could not be stopped: {error} (failure {count})",
    "note": "Note: {text}",
    "command.refused": "{command} refused: {why}",
    "run.resumed": "Another conductor took the run over: {why}",
    "run.reopened": "Restored once more: {why}",
    "undo.started": "Undo started: {why}",
    "undo.done": "Undo of {step} done",
    "undo.failed": "Undo of {step} FAILED: {error}",
    "heartbeat.armed": "The dead-man's alarm is set",
    "heartbeat.fired": "Fault {step} was ended by the dead-man's switch, not by its conductor: {says}",
    "heartbeat.disarmed": "The dead-man's alarm is gone",
    "watchdog.started": "The watchdog is up",
    "watchdog.ended": "The watchdog has ended",
    "run.ended": "Run {status}",
}


_UNREAD = "Of fault {step} nobody saw whether it had an effect: its witness could not be read ({witness})"


class _Absent(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "(not recorded)"


def says(event: Event) -> str:
    """One event in words; an unknown type shows its name."""
    unread = event.type == "fault.not_effective" and not event.what.get("read")
    return (_UNREAD if unread else _SAYS.get(event.type, event.type)).format_map(_Absent(event.what))


def clock(seconds: float | None) -> str:
    """``22:00`` or ``1:45:00``; unbounded when None."""
    if seconds is None:
        return "unbounded"
    whole = round(abs(seconds), 3)
    hours, rest = divmod(int(whole), 3600)
    fraction = f"{whole % 1:.3f}".lstrip("0").rstrip("0").rstrip(".") if whole % 1 else ""
    text = f"{hours}:{rest // 60:02d}" if hours else f"{rest // 60}"
    return f"{'-' if seconds < 0 else ''}{text}:{rest % 60:02d}{fraction}"


def outward(lo: float, hi: float) -> str:
    """``2:26 to 2:46``: whole seconds, rounded so that the interval never looks narrower than it is."""
    low, high = clock(math.floor(round(lo, 6))), clock(math.ceil(round(hi, 6)))
    return low if low == high else f"{low} to {high}"


def day(text: str | None) -> str:
    """``2026-11-18 11:20:00 UTC`` of a time as verdict.json holds it."""
    return "" if text is None else f"{text[:10]} {text[11:19]} UTC"


def offset(ms: Ms | None, since: Ms | None) -> str:
    """``+04:05`` after the go, ``+1:04:05`` after an hour; empty when there was no go."""
    if ms is None or since is None:
        return ""
    told = clock(abs(ms - since) // 1000)
    return ("-" if ms < since else "+") + (told if len(told) > 4 else f"0{told}")


def measured(judged: dict[str, Any], key: str) -> str:
    """One of m_lo, m_hi, limit, margin as people read it."""
    if f"{key}_s" in judged:
        return clock(judged[f"{key}_s"])
    value = judged.get(key)
    if value is None:
        return "unbounded"
    return money(value, judged["currency"]) if "currency" in judged else f"{value:,}"


def money(minor: float, currency: str) -> str:
    """``GBP 1,234.56`` of an amount in minor units (ISO 4217)."""
    digits = next((d for d, codes in MINOR_DIGITS.items() if currency in codes), 2)
    return f"{currency} {minor / 10**digits:,.{digits}f}"


def lateness(judged: dict[str, Any], key: str) -> str:
    """``4:00 late``, ``8:00 to spare``, or ``on time``."""
    seconds = judged.get(f"{key}_s")
    if seconds is None:
        return "unbounded"
    if not seconds:
        return "on time"
    return f"{clock(abs(seconds))} {'late' if seconds > 0 else 'to spare'}"


def interval(judged: dict[str, Any]) -> tuple[str, str]:
    """Both bounds, in the words of the metric."""
    return worded(judged, "m_lo"), worded(judged, "m_hi")


def worded(judged: dict[str, Any], key: str) -> str:
    """One of m_lo, m_hi, limit in the words of the metric."""
    return (lateness if judged["metric"] == "deadline" else measured)(judged, key)


def beside(judged: dict[str, Any]) -> list[str]:
    """What else the metric tells: ends, segments, what the ledger showed, what is extrapolated."""
    return [text for tell in (_ended, _segments, _ledger, _peak) if (text := tell(judged))]


def _ended(judged: dict[str, Any]) -> str:
    if not judged.get("ended"):
        return ""
    first, last = judged["ended"]
    return f"The harm ended between {day(first)} and {day(last) or 'nobody knows when'}; due {day(judged['deadline'])}."


def _segments(judged: dict[str, Any]) -> str:
    told = [
        f"{name} {s['m_lo']:,g} to {'unbounded' if s['m_hi'] is None else format(s['m_hi'], ',g')}"
        for name, s in judged.get("segments", {}).items()
    ]
    return f"Of them: {'; '.join(told)}." if told else ""


def _ledger(judged: dict[str, Any]) -> str:
    found = judged.get("ledger")
    if found is None:
        return ""
    lost, broken = (f"{a} to {b}" if a != b else f"{a}" for a, b in (found["lost"], found["corrupt"]))
    text = f"Of {found['acked']:,} canaries {lost} lost, {broken} corrupt, {found['duplicates']} there twice."
    if found.get("late"):
        text += f" Lost is what was not there when the response had ended; {found['late']} of it came later."
    rate = found["loss_rate_at_most"]
    return (
        text if rate is None else f"{text} None lost supports a loss rate of at most {rate:.3%} at 95 %, not of zero."
    )


def _peak(judged: dict[str, Any]) -> str:
    peak = judged.get("peak_scaled")
    if peak is None:
        return ""
    most = measured({**judged, "m_peak": peak["m_hi"]}, "m_peak")
    return f"Extrapolated to the peak ({peak['when']}): up to {most}. Nothing at peak was measured."


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
        first = [f"Even the lower bound, {interval(judged)[0]}, is beyond the limit {measured(judged, 'limit')}."]
    elif judged["verdict"] == "within":
        first = [f"Even the upper bound, {measured(judged, 'm_hi')}, is inside the limit {measured(judged, 'limit')}."]
    elif not judged["codes"]:
        first = [_open(judged)]
    else:
        first = []
    return [*first, *(_reason(code, judged.get("details", {})) for code in judged["codes"])]


def _reason(code: str, details: dict[str, str]) -> str:
    return f"{code}: {CODES[code]}." + (f" {details[code]}" if code in details else "")


def _open(judged: dict[str, Any]) -> str:
    if judged.get("m_hi_s", judged.get("m_hi")) is None:
        return "Nothing that was read bounds it from above."
    return "The limit lies inside the interval: the data is too coarse this close to the limit."
