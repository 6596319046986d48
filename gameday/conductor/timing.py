"""When a step is due, and how much of its limit is used: the timeline stands still while the run is held."""

from __future__ import annotations

from gameday.clock import Ms
from gameday.journal.state import State
from gameday.plan import PlannedStep


def instant_of(state: State, offset: Ms) -> Ms | None:
    """When the timeline reached this offset, or would reach it if nobody holds it again. None before the go."""
    if state.t_go is None:
        return None
    at = state.t_go + offset
    for since, until in state.holds:
        if since <= at and until > state.t_go:
            at += until - max(since, state.t_go)
    return at


def waits_since(state: State, step: PlannedStep, now: Ms) -> Ms | None:
    """Since when nothing but its ``when`` keeps this step from starting; None while something else does. What somebody
    delayed it by comes on top, and stands still while the run is held as all else does."""
    ends = [state.step(name).ended_ms for name in step.after]
    if step.branch:
        ends.append(min((state.played.led_ms[s] for s, to in state.played.led.items() if to == step.id), default=None))
    known = [end for end in ends if end is not None]
    if len(known) < len(ends):
        return None
    at = None if step.at_ms is None and known else instant_of(state, step.at_ms or 0)
    since = max([*known, *([at] if at is not None else [])], default=None)
    if since is not None and (delay := state.played.delays.get(step.id)):
        since = instant_of(state, state.timeline_at(since) + delay)
    return since if since is not None and since <= now and state.held_since is None else None


def lapsed_unheard(state: State, since: Ms, within: Ms | None) -> str | None:
    """Why nobody can say whether a limit on people was kept: it passed while nobody conducted, who could have heard
    them. None when it did not."""
    if within is None:
        return None
    for gone, back in state.absences:
        if back > since and used_ms(state, since, max(gone, since)) <= within < used_ms(state, since, back):
            long = round((back - gone) / 1000)
            return f"its limit passed while nobody conducted ({long} s), so nobody could be heard"
    return None


def used_ms(state: State, since: Ms, now: Ms) -> Ms:
    """Time since then in which the timeline went on."""
    return state.timeline_at(now) - state.timeline_at(since)
