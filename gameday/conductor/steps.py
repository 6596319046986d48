"""The steps of the timeline: when each starts, how it goes on, and how it ends. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gameday.clock import Ms
from gameday.conductor.actions import Action, Record, record
from gameday.conductor.asking import inject_actions, role_actions, task_actions
from gameday.conductor.branching import branch_actions, nowhere
from gameday.conductor.faulting import fault_result
from gameday.conductor.sight import ALARM, look
from gameday.conductor.taking import gives_back, taken_actions
from gameday.conductor.timing import waits_since
from gameday.journal.standing import StepState
from gameday.journal.state import State
from gameday.model.scenario import AlarmExpectation, Condition, RoleExpectation, SignalExpectation
from gameday.plan import Plan, PlannedStep, Signal


def step_actions(plan: Plan, state: State, now: Ms) -> Iterator[Action]:
    """What to do about each step now."""
    yield from branch_actions(plan, state, now)
    for step in plan.steps:
        held = state.step(step.id)
        if held.status == "ended":
            continue
        back = gives_back(state, step, held, now) if step.id in state.skips else None
        if back is not None:
            yield back
        elif step.id in state.skips:
            yield ended(step, held, "skipped", now, "somebody skipped it")
        elif held.status == "pending":
            yield from _start(plan, state, step, now)
        else:
            yield from _KINDS[step.kind](plan, state, step, held, now)


def withdraw(plan: Plan, state: State, now: Ms, why: str, result: str = "withdrawn") -> Iterator[Record]:
    """End every step that has not ended."""
    for step in plan.steps:
        held = state.step(step.id)
        if held.status != "ended":
            yield ended(step, held, result, now, why)


def ended(step: PlannedStep, held: StepState, result: str, now: Ms, why: str | None = None, **more: object) -> Record:
    """The event that ends a step; ``after_ms`` counts from its start."""
    after = more.pop("after_ms", None if held.started_ms is None else now - held.started_ms)
    return record("step.ended", step=step.id, result=result, why=why, after_ms=after, **more)


def _start(plan: Plan, state: State, step: PlannedStep, now: Ms) -> Iterator[Action]:
    if step.id in state.played.fired and state.held_since is None:
        yield record("step.started", step=step.id, why="it was begun by hand")
        return
    if step.branch and nowhere(plan, state, step):
        yield ended(step, StepState(), "skipped", now, "no branch led here")
        return
    since = waits_since(state, step, now)
    if since is None:
        return
    if step.when is None:
        yield record("step.started", step=step.id)
        return
    seen = look(plan, state, step.when, since, now)
    if seen.hit or (seen.over and step.on_timeout == "run"):
        yield record("step.started", step=step.id, why=str(step.when) if seen.hit else "it waited long enough")
    elif seen.over:
        result = "skipped" if step.on_timeout == "skip" else "failed"
        yield ended(step, StepState(), result, now, f"it waited for {step.when}")


def _fault(plan: Plan, state: State, step: PlannedStep, held: StepState, now: Ms) -> Iterator[Action]:
    fault = state.faults.get(step.id)
    if fault is not None and step.fault is not None and (found := fault_result(step.fault, fault)):
        yield ended(step, held, found[0], now, found[1])


def _expect(plan: Plan, state: State, step: PlannedStep, held: StepState, now: Ms) -> Iterator[Action]:
    if isinstance(step.expect, RoleExpectation):
        yield from role_actions(plan, state, step, held, now)
    elif isinstance(step.expect, AlarmExpectation):
        yield from _alarm(plan, state, step, step.expect, held, now)
    elif isinstance(step.expect, SignalExpectation):
        yield from _signal(plan, state, step, step.expect.condition, held, now)


def _alarm(
    plan: Plan, state: State, step: PlannedStep, expect: AlarmExpectation, held: StepState, now: Ms
) -> Iterator[Action]:
    """Met when the alarm enters the state in time, or holds it since after the go: one that was in it before the go
    proves nothing, and neither does one that has left it again before it was expected."""
    started, signal = held.started_ms or now, plan.alarm_signal(expect.alarm)
    limit = None if step.within_ms is None else started + step.within_ms
    entries = _entries(state, signal.id, started, limit)
    found = next((t for t, word in entries if word == expect.state), None)
    if found is not None:
        yield ended(step, held, "met", now, after_ms=max(0, found - started), seen_ms=found)
    elif limit is not None and now >= max(limit, state.claimed_ms) + _late(signal):
        read = state.read_to.get(signal.id, 0) >= limit
        why = f"{expect.alarm} did not go to {expect.state} in time" if read else f"{expect.alarm} could not be read"
        unseen = _changed_unseen(state, signal.id, started, limit)
        yield ended(step, held, "unknown" if unseen else "missed", now, unseen or why, after_ms=None)


def _entries(state: State, signal_id: str, started: Ms, limit: Ms | None) -> list[tuple[Ms, str]]:
    """The state that the alarm holds at the start, if it was entered after the go, and those that it enters in time."""
    known = [e for e in state.alarms.get(signal_id, ()) if limit is None or e[0] <= limit]
    held = [e for e in known if e[0] <= started][-1:]
    go = started if state.t_go is None else state.t_go
    return [*(e for e in held if e[0] >= go), *(e for e in known if e[0] > started)]


def _changed_unseen(state: State, signal_id: str, started: Ms, limit: Ms) -> str | None:
    """Why nobody can say what state an alarm was in: it changed while nobody conducted, and an alarm tells only its
    last change. Metrics are kept, and are read afterwards."""
    away = state.unattended(started, limit)
    changed = away and any(away[0] < since <= away[1] for since, _ in state.alarms.get(signal_id, ()))
    return "it changed while nobody conducted, and an alarm tells only its last change" if changed else None


def _signal(
    plan: Plan, state: State, step: PlannedStep, condition: Condition, held: StepState, now: Ms
) -> Iterator[Action]:
    started, signal = held.started_ms or now, plan.signal(condition.signal)
    seen = look(plan, state, condition.model_copy(update={"within": step.within_ms}), started, now)
    if seen.hit:
        after = seen.hit.start_ms + signal.period_ms - started
        yield ended(step, held, "met", now, after_ms=max(0, after), seen_ms=seen.hit.start_ms)
    elif seen.over:
        why = f"not seen: {condition}" if seen.read else f"{condition.signal} could not be read"
        yield ended(step, held, "missed", now, why, after_ms=None)


def _late(signal: Signal) -> Ms:
    """An alarm's state is known when it has been looked at: two looks of a quarter period, at most."""
    return signal.period_ms if signal.source == ALARM else signal.period_ms + signal.settles_ms


_Rule = Callable[[Plan, State, PlannedStep, StepState, Ms], Iterator[Action]]
_KINDS: dict[str, _Rule] = {
    "fault": _fault,
    "expect": _expect,
    "inject": inject_actions,
    "question": inject_actions,
    "unavailable": taken_actions,
    "silent": taken_actions,
    "access": taken_actions,
    "channel": taken_actions,
    "task": task_actions,
}
