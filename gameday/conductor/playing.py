"""Commands by which people play the day: begin, delay or restore a step by hand, score, and work on a runbook.

Each becomes events, or a Refusal in words for who gave it. The timeline by hand is for who runs the day; a step is
scored by somebody who did not play it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pydantic import BaseModel

from gameday.clock import Ms
from gameday.conductor.given import Delay, Fire, Missing, Restore, Scoring, Skip, Tick, Wrong
from gameday.journal.events import Draft
from gameday.journal.state import State
from gameday.plan import Plan, PlannedStep

RUN_THE_DAY = ("facilitator", "safety-officer")


class Refusal(ValueError):
    """Why a command is not done, in words for the person who gave it."""


def play(plan: Plan, state: State, who: str, given: BaseModel, now: Ms) -> Iterator[Draft]:
    """What this command becomes."""
    yield from _RULES[type(given)](plan, state, who, given, now)


def step_of(plan: Plan, ident: str) -> PlannedStep:
    """The step of this id, or a Refusal that names those there are."""
    try:
        return plan.step(ident)
    except KeyError:
        raise Refusal(f"no step {ident}; the steps are {', '.join(s.id for s in plan.steps)}") from None


def players(plan: Plan, state: State, step: PlannedStep) -> set[str]:
    """Who has to do with a step as a player: who it is for, their deputies, and who did it."""
    found, role = set[str](), step.to
    while role is not None and role not in found:
        found.add(role)
        role = plan.deputies.get(role)
    asked = [p for p in state.prompts.values() if p.step == step.id]
    return found | {p.to for p in asked} | {p.done_by for p in asked if p.done_by} - {None}


def _by_hand(plan: Plan, state: State, who: str, ident: str) -> PlannedStep:
    """A step of the timeline that somebody who runs the day may still move."""
    if who not in RUN_THE_DAY:
        raise Refusal(f"this is for {' or '.join(RUN_THE_DAY)}")
    step = step_of(plan, ident)
    if state.step(ident).status != "pending":
        raise Refusal(f"step {ident} has {'ended' if state.step(ident).status == 'ended' else 'begun'}")
    return step


def _fire(plan: Plan, state: State, who: str, given: Fire, now: Ms) -> Iterator[Draft]:
    """No fault: what is broken, and when, was approved with the plan."""
    step = _by_hand(plan, state, who, given.step)
    if step.fault is not None:
        raise Refusal(f"{step.id} is a fault: it begins when the plan says, and not by hand")
    if state.phase != "execute" or state.t_go is None:
        raise Refusal("the timeline has not begun, or is over")
    yield Draft("step.fire_asked", {"step": step.id})


def _delay(plan: Plan, state: State, who: str, given: Delay, now: Ms) -> Iterator[Draft]:
    step = _by_hand(plan, state, who, given.step)
    due = (step.at_ms or 0) + state.played.delays.get(step.id, 0) + given.by_ms
    if due >= plan.max_duration_ms:
        raise Refusal(f"{step.id} would begin when the day is over")
    yield Draft("step.delay_asked", {"step": step.id, "by_ms": given.by_ms})


def _restore(plan: Plan, state: State, who: str, given: Restore, now: Ms) -> Iterator[Draft]:
    step = step_of(plan, given.step)
    if who not in RUN_THE_DAY:
        raise Refusal(f"this is for {' or '.join(RUN_THE_DAY)}")
    if step.kind != "access" or not state.played.refused(step.to or "", now):
        raise Refusal(f"{step.id} keeps no access from anybody now")
    yield Draft("access.restored", {"role": step.to, "why": f"{who} restored it", "step": step.id})


def _score(plan: Plan, state: State, who: str, given: Scoring, now: Ms) -> Iterator[Draft]:
    step = step_of(plan, given.step)
    if step.kind not in ("inject", "expect", "task", "question") or state.step(step.id).status == "pending":
        raise Refusal(f"there is nothing to score of {step.id} yet, or nothing at all")
    if who in players(plan, state, step):
        raise Refusal(f"{who} plays {step.id}; somebody who does not play it scores it")
    if step.evaluator not in (None, who):
        raise Refusal(f"{step.id} is scored by {step.evaluator}")
    yield Draft("step.scored", {"step": step.id, "score": given.score, "comment": given.comment})


def _worker(plan: Plan, state: State, who: str, ident: str, now: Ms) -> PlannedStep:
    """A task that this role may work on now."""
    step = step_of(plan, ident)
    if step.kind != "task":
        raise Refusal(f"{ident} is no runbook to follow")
    if who not in players(plan, state, step):
        raise Refusal(f"{ident} is for {step.to}; use --as {step.to}")
    if state.away(who, now):
        raise Refusal(f"{who} is not available now")
    return step


def _numbered(plan: Plan, state: State, step: PlannedStep, number: int) -> None:
    numbers = [item.number for item in plan.runbook(step.runbook or "").steps]
    if number not in numbers:
        raise Refusal(f"{step.id} has no step {number}; its steps are {', '.join(map(str, numbers))}")
    if state.step(step.id).status != "running":
        raise Refusal(f"step {step.id} has ended or not begun")
    if number in state.tasks.get(step.id, {}) or number in state.played.passed_over.get(step.id, {}):
        raise Refusal(f"{step.id}#{number} was done or left out already")


def _tick(plan: Plan, state: State, who: str, given: Tick, now: Ms) -> Iterator[Draft]:
    """In its turn it is an acknowledgement, and its call is made. Before its turn somebody did it by hand."""
    step = _worker(plan, state, who, given.step, now)
    _numbered(plan, state, step, given.number)
    prompt = state.prompts.get(f"{step.id}#{given.number}")
    said = {"text": given.text} if given.text else {}
    if prompt is None:
        block = next(i.block for i in plan.runbook(step.runbook or "").steps if i.number == given.number)
        by_hand = bool(block and block.do)
        facts = {"step": step.id, "number": given.number, "role": who, "after_ms": None, "early": True}
        yield Draft("task.step_done", {**facts, "by_hand": by_hand, **said})
    elif prompt.done_ms is None:
        yield Draft("prompt.acknowledged", {"prompt": prompt.id, "step": step.id, "role": who, **said})
    else:
        raise Refusal(f"{prompt.id} was done already by {prompt.done_by}")


def _note_on(type_: str) -> Callable[[Plan, State, str, Wrong | Missing, Ms], Iterator[Draft]]:
    """Whoever is not a player may see it too: an evaluator, a scribe."""

    def rule(plan: Plan, state: State, who: str, given: Wrong | Missing, now: Ms) -> Iterator[Draft]:
        step = step_of(plan, given.step)
        if step.kind != "task" or state.step(step.id).status == "pending":
            raise Refusal(f"{step.id} is no runbook that was begun")
        numbers = {item.number for item in plan.runbook(step.runbook or "").steps}
        if given.number not in numbers | ({0} if isinstance(given, Missing) else set()):
            raise Refusal(f"{step.id} has no step {given.number}")
        yield Draft(type_, {"step": step.id, "number": given.number, "text": given.text})

    return rule


def skip_in_runbook(plan: Plan, state: State, who: str, given: Skip, now: Ms) -> Iterator[Draft]:
    """One step of a runbook is left out, by who follows it or who runs the day."""
    step = step_of(plan, given.step)
    if who not in RUN_THE_DAY:
        step = _worker(plan, state, who, given.step, now)
    if step.kind != "task" or given.number is None:
        raise Refusal(f"{step.id} is no runbook to follow")
    _numbered(plan, state, step, given.number)
    why = given.why or f"asked by {who}"
    yield Draft("task.step_skipped", {"step": step.id, "number": given.number, "why": why})


_RULES: dict[type[BaseModel], Callable[..., Iterator[Draft]]] = {
    Fire: _fire,
    Delay: _delay,
    Restore: _restore,
    Scoring: _score,
    Tick: _tick,
    Wrong: _note_on("task.step_wrong"),
    Missing: _note_on("task.step_missing"),
}
