"""What is taken for a while: a person, a supplier's answers, an access, a channel. Pure.

Each ends by itself when its time is over, and gives back what it took when somebody skips it.
"""

from __future__ import annotations

from collections.abc import Iterator

from gameday.clock import Ms
from gameday.conductor.actions import Action, Record, record
from gameday.journal.standing import StepState
from gameday.journal.state import State
from gameday.plan import Plan, PlannedStep


def taken_actions(plan: Plan, state: State, step: PlannedStep, held: StepState, now: Ms) -> Iterator[Action]:
    """Take it once it begins; end the step when its time is over, or when it was given back before."""
    until = (held.started_ms or now) + (step.lasts_ms or 0)
    why = _restored(plan, state, step, held)
    if why is not None and _taken_until(state, step) > now:
        yield record("access.restored", role=step.to, why=why, step=step.id)
    elif now >= until or _ended_early(state, step, held):
        after = now - (held.started_ms or now)
        yield record("step.ended", step=step.id, result="done", why=None, after_ms=after)
    elif _taken_until(state, step) < until:  # another step may keep it for longer
        yield _take(step, until)


def gives_back(state: State, step: PlannedStep, held: StepState, now: Ms) -> Record | None:
    """What gives back what this step has taken; None when it holds nothing."""
    if held.status != "running" or step.lasts_ms is None or _taken_until(state, step) <= now:
        return None
    if step.kind == "channel":
        return record("channel.up", channel=step.channel)
    if step.kind == "access":
        return record("access.restored", role=step.to, why="its step was skipped", step=step.id)
    return record("role.available", role=step.to)


def _take(step: PlannedStep, until: Ms) -> Record:
    if step.kind == "channel":
        return record("channel.down", channel=step.channel, until_ms=until, step=step.id)
    if step.kind == "access":
        return record("access.expired", role=step.to, until_ms=until, step=step.id)
    silent = {"silent": True} if step.kind == "silent" else {}
    return record("role.unavailable", role=step.to, until_ms=until, step=step.id, **silent)


def _taken_until(state: State, step: PlannedStep) -> Ms:
    if step.kind == "channel":
        return state.played.down.get(step.channel or "", 0)
    return (state.played.expired if step.kind == "access" else state.unavailable).get(step.to or "", 0)


def _restored(plan: Plan, state: State, step: PlannedStep, held: StepState) -> str | None:
    """Why an access is given back before its time."""
    done = state.step(step.restored_by) if step.kind == "access" and step.restored_by else None
    if done is None or done.result not in ("done", "met") or (done.ended_ms or 0) < (held.started_ms or 0):
        return None
    return f"{step.restored_by} is done"


def _ended_early(state: State, step: PlannedStep, held: StepState) -> bool:
    """Whether an access that had expired was given back."""
    return step.kind == "access" and (held.started_ms or 0) <= state.played.restored.get(step.to or "", -1)
