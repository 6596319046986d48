"""Scripted people: in a rehearsal they acknowledge, answer and follow runbooks when their script says. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from gameday.clock import Ms
from gameday.journal.events import Draft
from gameday.journal.state import PromptState, State
from gameday.model.scenario import PersonScript
from gameday.plan import Plan


def scripted(plan: Plan, state: State, now: Ms, held_by_people: Collection[str] = ()) -> Iterator[Draft]:
    """What the scripted roles do by now. Nothing while the run is held, or while a role is not available; nothing for
    roles that a person holds."""
    if state.held_since is not None:
        return
    for prompt in state.prompts.values():
        script = plan.scripts.get(prompt.to)
        if script is None or prompt.to in held_by_people or prompt.done_ms is not None:
            continue
        if state.step(prompt.step).status == "ended" or state.away(prompt.to, now):
            continue
        delay = delay_of(plan, script, prompt)
        if delay is not None and state.timeline_at(now) - state.timeline_at(prompt.delivered_ms) >= delay:
            what = {"prompt": prompt.id, "step": prompt.step, "role": prompt.to, "scripted": True}
            yield Draft("prompt.acknowledged", what, prompt.to)


def delay_of(plan: Plan, script: PersonScript, prompt: PromptState) -> Ms | None:
    """How long this person takes for this prompt; None when the script says nothing of it, so it is never done."""
    match prompt.expects:
        case "acknowledge":
            return script.acknowledges
        case "answer":
            return script.answers
        case "perform":
            return script.step_takes if plan.step(prompt.step).runbook in script.performs else None
    return None
