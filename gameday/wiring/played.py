"""Who plays in a run: which roles persons hold where others are scripted, and the seed of those."""

from __future__ import annotations

from collections.abc import Sequence

from gameday.errors import could_not_start
from gameday.journal.events import Draft
from gameday.model.content import Content
from gameday.plan import Plan

ROSTER = "roster"


def registered(plan: Plan, content: Content, play: Sequence[str], seed: str | None) -> list[Draft]:
    """What the journal keeps of it: roles, never names. CouldNotStart UNKNOWN_ROLE, ROSTER_MISSING."""
    if not play and seed is None:
        return []
    held = {role for role in play if role != ROSTER}
    known = {step.to for step in plan.steps if step.to} | set(plan.deputies.values()) | set(plan.scripts)
    for role in sorted(held - known):
        raise could_not_start("UNKNOWN_ROLE", f"nothing is asked of {role!r}", " | ".join(sorted(known)))
    if ROSTER in play:
        if content.roster is None:
            raise could_not_start("ROSTER_MISSING", "there is no roster.yaml here", "roster.yaml, or --play ROLE")
        held |= set(content.roster.model.roles)
    return [Draft("people.registered", {"held": sorted(held), "seed": seed or ""})]
