"""Whether recovery was the firm's own, or only the tool taking its fault away (D22)."""

from __future__ import annotations

from collections.abc import Sequence

from gameday.clock import Ms
from gameday.plan import Plan
from gameday.verdict.bounds import Method, episodes, upper_flags
from gameday.verdict.facts import Facts
from gameday.verdict.injected import Injected
from gameday.verdict.states import BucketState
from gameday.verdict.window import Evaluation

LEAST_MS = 60_000


def withdrawal(plan: Plan, fault: Injected) -> tuple[Ms, Ms] | None:
    """The earliest and latest instant at which the fault was taken away; None when it stays, or is over at once.

    The provider's end is seen only when it is asked, so the planned duration bounds it from below.
    """
    planned = next((s.fault for s in plan.steps if s.id == fault.step), None)
    if planned is None or planned.one_shot:
        return None
    by_itself = None if planned.duration_ms is None else fault.requested_ms + planned.duration_ms
    seen = [t for t in (fault.stop_ms, fault.ended_ms, fault.gone_ms) if t is not None]
    if not seen:
        return None
    latest = fault.ended_ms if fault.ended_ms is not None else max(seen)
    return min([*seen, *([by_itself] if by_itself is not None else [])]), latest


def recoveries(window: Evaluation, states: Sequence[BucketState], method: Method) -> list[Ms]:
    """When each episode after the baseline ended; an episode that lasts to the end of the window has not."""
    found = episodes(upper_flags(states, method), method)
    return [window.buckets[end].start_ms for _, end in found if window.baseline < end < len(states)]


def not_demonstrated(
    plan: Plan, facts: Facts, window: Evaluation, states: Sequence[BucketState], method: Method
) -> bool:
    """D22: some return of the service is explained by the withdrawal of a fault alone."""
    spans = [s for fault in facts.faults.values() if (s := withdrawal(plan, fault)) is not None]
    grace = max(method.hold_ms, LEAST_MS)
    return any(
        any(first - facts.lag_ms <= back <= last + grace for first, last in spans) and not _answered(facts, back)
        for back in recoveries(window, states, method)
    )


def _answered(facts: Facts, back: Ms) -> bool:
    since = facts.requested_ms or 0
    return any(since <= at <= back for at, _ in facts.responses)
