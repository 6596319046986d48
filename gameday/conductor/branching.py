"""Branches: which step begins when another was performed so, or could not be. Pure.

A score decides. Where one is expected it is waited for a while after the step has ended; when nobody gives one, how the
step ended decides, and the journal says so. A step that a branch leads to begins in no other way, but by hand.
"""

from __future__ import annotations

from collections.abc import Iterator

from gameday.clock import Ms
from gameday.conductor.actions import Record, record
from gameday.conductor.timing import used_ms
from gameday.journal.state import State
from gameday.plan import Plan, PlannedStep

SCORE_WITHIN_MS = 5 * 60_000
_AS_SCORE = {"met": "performed", "done": "performed"}


def branch_actions(plan: Plan, state: State, now: Ms) -> Iterator[Record]:
    """Take each branch that can be taken now."""
    for step in plan.steps:
        held = state.step(step.id)
        if not step.on or step.id in state.played.led or held.status != "ended" or held.ended_ms is None:
            continue
        given = state.played.scores.get(step.id)
        if given is None and step.scored and used_ms(state, held.ended_ms, now) <= SCORE_WITHIN_MS:
            continue
        score = given.score if given else _AS_SCORE.get(held.result or "", "unable")
        never = held.result in ("skipped", "withdrawn", "unknown") and given is None
        to = None if never else step.on.get(score)  # type: ignore[call-overload]  # a word that is no score leads nowhere
        yield record("branch.taken", step=step.id, score=None if never else score, leads_to=to,
                     by="score" if given else "result")  # fmt: skip


def nowhere(plan: Plan, state: State, step: PlannedStep) -> bool:
    """Whether every branch that could lead to this step has led elsewhere."""
    sources = [s.id for s in plan.steps if step.id in s.on.values()]
    return all(name in state.played.led and state.played.led[name] != step.id for name in sources)
