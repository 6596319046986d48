"""Where a tolerance ends when the backlog is cleared (D9): service restored is not yet the end of the harm.

From a disruption on, a bucket counts as disrupted until the backlog is back at its baseline. A backlog that was not
read leaves it unknown whether it was.
"""

from __future__ import annotations

from collections.abc import Sequence

from gameday.verdict.states import BucketState


def until_cleared(
    found: Sequence[BucketState], backlog: Sequence[float | None], baseline: int, disrupted: frozenset[str]
) -> tuple[tuple[BucketState, ...], bool]:
    """The states with the backlog in them, and whether the backlog was read to its end.

    ``baseline`` is how many buckets lie before the first fault; the largest backlog among them is its usual level. When
    one of them was not read, the level is not known, and nothing after a disruption can be called cleared.
    """
    before = backlog[:baseline]
    known = [waiting for waiting in before if waiting is not None]
    level = max(known) if known and len(known) == len(before) else None
    told: list[BucketState] = []
    owed: bool | None = False  # whether work from a disruption is undelivered; None: it cannot be known
    for state, waiting in zip(found, backlog, strict=True):
        cleared = None if level is None or waiting is None else waiting <= level
        if state in disrupted:
            owed = True
        elif state == "unknown" and not owed:
            owed = None
        told.append(_with(state, owed, cleared, disrupted))
        if state not in disrupted:
            owed = _still(owed, cleared, state)
    return tuple(told), owed is False


def _with(state: BucketState, owed: bool | None, cleared: bool | None, disrupted: frozenset[str]) -> BucketState:
    if state in disrupted or state == "unknown" or owed is False or cleared:
        return state
    if owed and cleared is False:
        return "down" if "down" in disrupted else "degraded"
    return "unknown"


def _still(owed: bool | None, cleared: bool | None, state: BucketState) -> bool | None:
    """Whether work is undelivered after this bucket."""
    if owed is False:
        return False
    if cleared:
        return None if state == "unknown" else False
    return owed if cleared is False else None
