"""The life of a fault: requested, accepted, effective, ended, clean, gone. Faults outlive their step, so they are
looked at apart from the steps (docs/decisions/002)."""

from __future__ import annotations

from collections.abc import Iterator

from gameday.clock import Ms
from gameday.conductor.actions import Action, KeepExhibits, PollFault, StartFault, StopFault, record
from gameday.conductor.sight import look, patience
from gameday.journal.injected import FaultState
from gameday.journal.state import State
from gameday.model.scenario import Condition
from gameday.model.workspace import REHEARSAL
from gameday.plan import Plan, PlannedFault, PlannedStep

PROVIDER_ONLY = "the provider's word alone"
WITHIN_MS = 120_000
DISTURBED_MS, DISTURBED_PERIODS = 10_000, 2  # how far back a rehearsal may yet say that the machine disturbed it
GRACE_MS = 60_000  # how long a provider may take to end by itself what was due to end
GRACE_WALL_MS = 5_000


def fault_actions(plan: Plan, state: State, now: Ms) -> Iterator[Action]:
    """What to do about each fault now."""
    for step in plan.steps:
        if step.fault is None:
            continue
        fault = state.faults.get(step.id)
        if fault is not None:
            yield from _go_on(plan, state, step, step.fault, fault, now)
        elif state.step(step.id).status == "running" and not state.abort and step.id not in state.skips:
            yield StartFault(step.id)


def settled(plan: Plan, state: State, now: Ms) -> bool:
    """Whether nothing is to be awaited of any fault: each is clean, seen gone or given up, and it is known whether it
    had an effect; after an abort only as long as its end leaves that open."""
    return all(_settled(plan, state, plan.step(name).fault, fault, now) for name, fault in state.faults.items())


def _settled(plan: Plan, state: State, planned: PlannedFault | None, fault: FaultState, now: Ms) -> bool:
    if not fault.clean or _refused(fault):
        return fault.clean
    waited = now - (fault.ended_ms if fault.ended_ms is not None else now)
    if _to_keep(planned, fault) and waited < GRACE_MS + GRACE_WALL_MS * state.speed:
        return False
    if fault.gone_ms is None and not fault.not_gone:
        return False
    if _told(planned, fault) or planned is None or planned.effective is None:
        return True
    late = patience(plan.signal(planned.effective.signal)) + _doubt(plan, planned.effective)
    return bool(state.abort) and now >= max(fault.ended_ms or now, state.claimed_ms) + late


def _to_keep(planned: PlannedFault | None, fault: FaultState) -> bool:
    """Whether the provider has written of it and nobody has looked. It is awaited for a while, never longer."""
    return bool(planned and planned.exhibits and fault.clean and fault.accepted_ms and fault.exhibits is None)


def _told(planned: PlannedFault | None, fault: FaultState) -> bool:
    """Whether it is known if it had an effect, as far as anybody can see it."""
    asked = planned is not None and planned.effective is not None and fault.accepted_ms is not None
    return not asked or fault.t0_ms is not None or fault.not_effective


def longest_gone(plan: Plan) -> Ms:
    """How long after its end a fault may take, at most, until it is seen gone or given up."""
    conditions = [_limited(s.fault.gone) for s in plan.steps if s.fault and s.fault.gone]
    return max(((c.within or 0) + patience(plan.signal(c.signal)) for c in conditions), default=0)


def _refused(fault: FaultState) -> bool:
    """Nothing was made: neither taken, nor seen, nor was its start broken off half way."""
    return fault.accepted_ms is None and fault.t0_ms is None and not fault.trace


def _go_on(
    plan: Plan, state: State, step: PlannedStep, planned: PlannedFault, fault: FaultState, now: Ms
) -> Iterator[Action]:
    yield from _effect(plan, state, step, planned, fault, now)
    if _to_keep(planned, fault):
        yield KeepExhibits(step.id)
    if fault.clean and fault.ended_ms is None:  # undone from the ledger, while nobody conducted
        yield record("fault.ended", step=step.id, status="stopped")
    elif fault.ended_ms is None:
        yield from _running(state, step, planned, fault, now)
    elif not fault.clean:
        yield StopFault(step.id)
    elif not _refused(fault) and fault.gone_ms is None and not fault.not_gone:
        yield from _gone(plan, state, step, planned, fault, now)


def _effect(
    plan: Plan, state: State, step: PlannedStep, planned: PlannedFault, fault: FaultState, now: Ms
) -> Iterator[Action]:
    if planned.effective is None or fault.t0_ms is not None or fault.not_effective or fault.accepted_ms is None:
        return
    condition = _limited(planned.effective)
    seen = look(plan, state, condition, fault.requested_ms, now - _doubt(plan, condition))
    if seen.hit:
        t0 = max(seen.hit.start_ms, fault.requested_ms)
        yield record("fault.effective", step=step.id, witness=str(condition), value=seen.hit.value,
                     bucket_ms=seen.hit.start_ms, t0_ms=t0)  # fmt: skip
    elif seen.over:
        yield record("fault.not_effective", step=step.id, witness=str(condition), read=seen.read,
                     values=list(seen.values))  # fmt: skip


def _doubt(plan: Plan, condition: Condition) -> Ms:
    """How much later than settled a datapoint of a rehearsal is believed: only then is it sure that it was not the
    machine that failed the requests (docs/workload.md). T0 does not move with it: that is the bucket's time."""
    rehearsed = plan.environment == REHEARSAL
    return DISTURBED_MS + DISTURBED_PERIODS * plan.signal(condition.signal).period_ms if rehearsed else 0


def _running(state: State, step: PlannedStep, planned: PlannedFault, fault: FaultState, now: Ms) -> Iterator[Action]:
    why = _stop_reason(state, step, planned, fault, now)
    if fault.stop_requested_ms is not None:
        yield StopFault(step.id)
    elif why:
        yield record("fault.stop_requested", step=step.id, why=why)
    else:
        yield StartFault(step.id) if fault.accepted_ms is None else PollFault(step.id)


def _stop_reason(state: State, step: PlannedStep, planned: PlannedFault, fault: FaultState, now: Ms) -> str | None:
    if state.abort:
        return state.abort
    if step.id in state.skips:
        return "skipped"
    if state.phase in ("restore", "verify", "ended"):
        return "the timeline is over"
    grace = 0 if not planned.ends_itself else GRACE_MS + GRACE_WALL_MS * state.speed
    begun = fault.requested_ms if fault.accepted_ms is None else fault.accepted_ms
    if planned.duration_ms is not None and now >= begun + planned.duration_ms + grace:
        return "its time is over"
    return None


def _gone(
    plan: Plan, state: State, step: PlannedStep, planned: PlannedFault, fault: FaultState, now: Ms
) -> Iterator[Action]:
    if planned.gone is None:
        yield record("fault.gone", step=step.id, witness=PROVIDER_ONLY)
        return
    condition = _limited(planned.gone)
    since = fault.ended_ms if fault.ended_ms is not None else now
    seen = look(plan, state, condition, since, now)
    if seen.hit:
        yield record("fault.gone", step=step.id, witness=str(condition), value=seen.hit.value,
                     bucket_ms=seen.hit.start_ms)  # fmt: skip
    elif seen.over:
        yield record("fault.not_gone", step=step.id, witness=str(condition), resources=list(planned.resources),
                     values=list(seen.values))  # fmt: skip


def _limited(condition: Condition) -> Condition:
    return condition if condition.within is not None else condition.model_copy(update={"within": WITHIN_MS})


def fault_result(planned: PlannedFault, fault: FaultState) -> tuple[str, str | None] | None:
    """How the step of this fault ends, and why; None while that is open."""
    if fault.ended_ms is not None and _refused(fault):
        return "failed", fault.stop_why or "refused by the provider"
    if fault.not_effective:
        said = "no effect was seen" if fault.witness_read else "its witness could not be read"
        return "failed", f"{said}: {planned.effective}"
    if fault.not_gone:
        return "failed", f"not seen gone: {planned.gone}"
    if fault.gone_ms is None or not _told(planned, fault):
        return None
    if fault.accepted_ms is None and fault.t0_ms is None:
        return "failed", fault.stop_why
    return ("done", None) if fault.status != "failed" else ("failed", "the provider says it failed")
