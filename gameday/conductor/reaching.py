"""Who is reached, by what, and who takes over when somebody is no longer there. Pure.

A prompt goes to the role, or to its deputy while nobody in it can be reached: away, or reached by a channel alone that
is down. What was put before somebody who then goes away is handed to the deputy; its limit goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from gameday.clock import Ms
from gameday.conductor.actions import Action, Deliver
from gameday.journal.asked import PromptState
from gameday.journal.state import State
from gameday.plan import Plan, PlannedStep
from gameday.protocols import Prompt

Expects = Literal["acknowledge", "answer", "perform", "none"]


def recipient(plan: Plan, state: State, role: str, now: Ms) -> str:
    """Who is asked: the role, or its deputy while nobody in it can be reached. Nobody stands in for a third party."""
    seen = set[str]()
    while not reached(plan, state, role, now) and role in plan.deputies and role not in seen:
        if role in state.played.silent and state.away(role, now):
            return role
        seen.add(role)
        role = plan.deputies[role]
    return role


def reached(plan: Plan, state: State, role: str, now: Ms) -> bool:
    """Whether somebody in this role is there, and the channel by which they are reached carries something."""
    return not state.away(role, now) and plan.reaches.get(role) not in state.played.without(now)


def deliver(
    plan: Plan, state: State, step: PlannedStep, says: str, expects: Expects, now: Ms, number: int | None = None,
    suffix: str = "",
) -> Deliver:  # fmt: skip
    """Put it before whoever can be reached."""
    ident = (step.id if number is None else f"{step.id}#{number}") + suffix
    to = recipient(plan, state, step.to or "facilitator", now)
    without = state.played.without(now)
    return Deliver(Prompt(ident, state.run or "", step.id, to, says, expects, number, without=without))


def handed_over(plan: Plan, state: State, prompt: PromptState, now: Ms) -> Iterator[Action]:
    """What waits for somebody who has gone away goes to the deputy, if one is there. Once for each who had it: two
    who come and go do not send it to and fro."""
    if not state.away(prompt.to, now):
        return
    to = recipient(plan, state, prompt.to, now)
    if to == prompt.to or to in prompt.held_by or state.away(to, now):
        return
    number, without = prompt.number, state.played.without(now)
    expects: Expects = prompt.expects  # type: ignore[assignment]  # it was delivered as one of these
    yield Deliver(Prompt(prompt.id, state.run or "", prompt.step, to, prompt.says, expects, number, prompt.to, without))
