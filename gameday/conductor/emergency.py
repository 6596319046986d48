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


def lever_regions(plan: Plan) -> tuple[str, ...]:
    """The Regions whose levers the day's faults are under: those in which FIS starts them, in the plan's order; the
    environment's first for a day without any. A fault in other accounts is started from the environment's own."""
    first = plan.environment_definition.region
    faults = (step.fault for step in plan.steps if step.fault and step.fault.provider == "fis")
    found = dict.fromkeys(fault.region or first for fault in faults)
    return tuple(found) or (first,)


def lever_places(plan: Plan) -> tuple[str, ...]:
    """The same, as journal and ledger call the levers."""
    environment = plan.environment_definition
    return tuple(lever_place(environment.at(None, region)) for region in lever_regions(plan))


def lever_actions(plan: Plan, state: State) -> Iterator[EngageLever]:
    """The levers that were asked for and that nobody has seen engaged yet."""
    if state.emergency is not None:
        yield from (EngageLever(place) for place in lever_places(plan) if place not in state.levers)


def lever_awaited(plan: Plan, state: State, now: Ms) -> bool:
    """Whether the run must not end yet: a lever that was asked for may still come to be engaged."""
    if not any(lever_actions(plan, state)):
        return False
    return now < max(state.emergency_ms, state.claimed_ms) + PATIENCE_WALL_MS * state.speed
