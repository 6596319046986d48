"""What verdict.json says of each fault that was asked for: when it was seen effective and gone, by whom, in words."""

from __future__ import annotations

from typing import Any

from gameday.clock import Ms, iso
from gameday.model.scenario import Condition
from gameday.model.types import write_duration
from gameday.plan import Plan, PlannedFault, PlannedStep
from gameday.verdict.facts import Facts
from gameday.verdict.injected import Injected


def never_asked(plan: Plan, facts: Facts) -> list[str]:
    """The fault steps of the plan that were never injected: what they were to show was not tested. One whose own
    ``when`` was not met, and which the plan then passes over, is not among them while it is not the only fault."""
    absent = [s for s in plan.steps if s.kind == "fault" and s.id not in facts.faults]
    return [s.id for s in absent if not _passed_over(s) or s.id in facts.skipped or not facts.faults]


def _passed_over(step: PlannedStep) -> bool:
    return step.when is not None and step.on_timeout == "skip"


def fault_codes(fault: Injected) -> set[str]:
    """The validity codes that one fault raises that was asked for."""
    if fault.t0_ms is not None:
        return set()
    return {"FAULT_NOT_EFFECTIVE"} if fault.not_effective else {"FAULT_NOT_WITNESSED"}


def told(plan: Plan, fault: Injected) -> dict[str, Any]:
    """One fault as it stands in verdict.json."""
    expected = _expected(plan, fault)
    return {
        "step": fault.step,
        "result": _result(fault),
        "says": says(plan, fault),
        "requested": _time(fault.requested_ms),
        "accepted": _time(fault.accepted_ms),
        "effective": _time(fault.t0_ms),
        "effective_witness": fault.witness,
        "expected": None if expected is None else _condition(expected),
        "read": list(fault.values),
        "ended": _time(fault.ended_ms),
        "gone": _time(fault.gone_ms),
        "gone_witness": fault.gone_witness,
        "seen_gone": not fault.unseen,
        "evidence": [f"event:{seq}" for seq in sorted(fault.seqs.values())],
    }


def says(plan: Plan, fault: Injected) -> str:
    """In one sentence, what the witness saw of the fault's effect."""
    expected = _expected(plan, fault)
    if fault.t0_ms is not None:
        return f"The witness saw it: {fault.witness or 'not named'}."
    if not fault.started:
        return "The provider never said that it took the fault."
    if expected is None:
        return "No witness was named, so nobody saw whether it had an effect."
    wanted = f"The witness {expected.signal} had to show: {_condition(expected)}."
    if fault.not_effective:
        return f"{wanted} {_reading(fault.values)}, so the fault had no effect that it could see."
    if "fault.not_effective" in fault.seqs:
        return f"{wanted} It could not be read, so nobody saw whether the fault had an effect."
    return f"{wanted} The run ended before it had shown that, or not."


def _result(fault: Injected) -> str:
    if fault.t0_ms is not None:
        return "effective"
    if not fault.started:
        return "not taken"
    return "not effective" if fault.not_effective else "not witnessed"


def _expected(plan: Plan, fault: Injected) -> Condition | None:
    planned: PlannedFault | None = next((s.fault for s in plan.steps if s.id == fault.step), None)
    return None if planned is None else planned.effective


def _condition(condition: Condition) -> str:
    limit = "" if condition.within is None else f" within {write_duration(condition.within)}"
    return f"{condition}{limit}"


def _reading(values: tuple[float | None, ...]) -> str:
    """What was read, and how often: the last of it stands in the event."""
    known = [v for v in values if v is not None]
    if not known:
        return "What it read was not recorded"
    times = "once" if len(known) == 1 else f"{len(known)} times"
    lowest, highest = min(known), max(known)
    span = f"{lowest:g} each time" if lowest == highest else f"from {lowest:g} to {highest:g}"
    missing = len(values) - len(known)
    return f"It was read {times} and showed {span if len(known) > 1 else f'{lowest:g}'}" + (
        f" ({missing} more could not be read)" if missing else ""
    )


def _time(ms: Ms | None) -> str | None:
    return None if ms is None else iso(ms)
