"""Scripted people: in a rehearsal they acknowledge, answer, follow runbooks and score when their script says. Pure.

A delay that is given as a span is drawn from the seed of the run, the role and the prompt: the same run again is the
same day again, and no draw depends on another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator

from gameday.clock import Ms
from gameday.journal.asked import PromptState
from gameday.journal.events import Draft
from gameday.journal.state import State
from gameday.model.scenario import Between, PersonScript
from gameday.plan import Plan

SCORES_AFTER_MS = 30_000
NEVER_SCRIPTED = "-made"  # whether a call was made before a conductor died: only who has looked can say


def scripted(plan: Plan, state: State, now: Ms, held_by_people: Collection[str] = ()) -> Iterator[Draft]:
    """What the scripted roles do by now. Nothing while the run is held, or while a role is not available; nothing for
    roles that a person holds, here or by the run's own journal."""
    if state.held_since is not None:
        return
    held = {*held_by_people, *state.played.held}
    for prompt in state.prompts.values():
        if prompt.done_ms is None and state.step(prompt.step).status != "ended":
            yield from _reaction(plan, state, prompt, now, held)
    yield from _scores(plan, state, now, held)


def _reaction(plan: Plan, state: State, prompt: PromptState, now: Ms, held: Collection[str]) -> Iterator[Draft]:
    """Of whoever has it; or of who had it before, once they are back."""
    for role in (prompt.to, *prompt.held_by):
        script = plan.scripts.get(role)
        if script is None or role in held or state.away(role, now) or state.played.refused(role, now):
            continue
        delay = delay_of(plan, script, prompt, state.played.seed or state.run or "", role)
        if delay is not None and state.timeline_at(now) - state.timeline_at(prompt.since(role)) >= delay:
            what = {"prompt": prompt.id, "step": prompt.step, "role": role, "scripted": True}
            yield Draft("prompt.acknowledged", what, role)
            return


def _scores(plan: Plan, state: State, now: Ms, held: Collection[str]) -> Iterator[Draft]:
    for role, script in plan.scripts.items():
        for step, score in script.scores.items():
            ended = state.step(step).ended_ms
            if ended is None or role in held or step in state.played.scores:
                continue
            if state.timeline_at(now) - state.timeline_at(ended) >= SCORES_AFTER_MS:
                yield Draft("step.scored", {"step": step, "score": score, "comment": "", "scripted": True}, role)


def delay_of(plan: Plan, script: PersonScript, prompt: PromptState, seed: str = "", role: str = "") -> Ms | None:
    """How long this person takes for this prompt; None when the script says nothing of it, so it is never done."""
    if prompt.id.endswith(NEVER_SCRIPTED):
        return None
    given: Ms | Between | None = None
    match prompt.expects:
        case "acknowledge":
            given = script.acknowledges
        case "answer":
            given = script.answers
        case "perform":
            given = script.step_takes if plan.step(prompt.step).runbook in script.performs else None
    return drawn(given, seed, role or prompt.to, prompt.id) if isinstance(given, Between) else given


def drawn(span: Between, seed: str, role: str, prompt: str) -> Ms:
    """A time in the span, both ends included: SHA-256 of seed, role and prompt, taken as a fraction."""
    digest = hashlib.sha256(f"{seed}\0{role}\0{prompt}".encode()).digest()
    return span.between + int.from_bytes(digest[:8]) * (span.most - span.between + 1) // 2**64
