"""The last stop level: abort, and the FIS safety lever as well, which stops every experiment of the account in the
Region and lets none begin until a person disengages it (AWS FIS user guide, "Safety levers"). Pure.

The lever is engaged beside the abort, never before it: neither waits for the other.
"""

from __future__ import annotations

from collections.abc import Iterator

from gameday.clock import Ms
from gameday.conductor.actions import EngageLever
from gameday.journal.state import State
from gameday.model.workspace import Environment
from gameday.plan import Plan

PATIENCE_WALL_MS = 120_000


def lever_place(environment: Environment) -> str:
    """How a lever is called in journal and ledger: there is one for each account and Region."""
    return f"{environment.account}/{environment.region}"


def lever_actions(plan: Plan, state: State) -> Iterator[EngageLever]:
    """The levers that were asked for and that nobody has seen engaged yet."""
    place = lever_place(plan.environment_definition)
    if state.emergency is not None and place not in state.levers:
        yield EngageLever(place)


def lever_awaited(plan: Plan, state: State, now: Ms) -> bool:
    """Whether the run must not end yet: a lever that was asked for may still come to be engaged."""
    if not any(lever_actions(plan, state)):
        return False
    return now < max(state.emergency_ms, state.claimed_ms) + PATIENCE_WALL_MS * state.speed
