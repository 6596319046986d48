"""Several actions of one experiment: what starts after what, how long all of it lasts, and FIS's quotas on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from gameday.errors import Problem
from gameday.faults.fis_settings import FisAction

MOST_ACTIONS, MOST_AT_ONCE = 20, 10  # AWS FIS quotas: actions a template, actions in parallel; neither is adjustable


def wrong(parts: Sequence[FisAction], lasts: Callable[[FisAction], int | None]) -> Iterator[Problem]:
    """What is wrong with the order of these actions; a message begins with the key that it is about."""
    if len(parts) > MOST_ACTIONS:
        what = f"actions: {len(parts)} of them; an experiment of FIS has at most {MOST_ACTIONS}"
        yield Problem("TOO_MANY_ACTIONS", what, "several fault steps")
    unlinked = list(_links(parts))
    yield from unlinked
    if unlinked:
        return
    try:
        order = list(TopologicalSorter({part.id: part.start_after for part in parts}).static_order())
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        yield Problem("CYCLE", f"actions: start_after goes in a circle: {circle}", "remove one start_after")
        return
    most = _at_once(parts, _spans(order, parts, lasts))
    if most > MOST_AT_ONCE:
        what = f"actions: {most} may run at once; FIS runs at most {MOST_AT_ONCE}"
        yield Problem("TOO_MANY_ACTIONS", what, "start_after, so that fewer run at once")


def whole_ms(parts: Sequence[FisAction], lasts: Callable[[FisAction], int | None]) -> int | None:
    """How long all of it lasts, along ``start_after``; None when some action has no end of its own. The actions were
    found right before."""
    if any(lasts(part) is None for part in parts):
        return None
    order = list(TopologicalSorter({part.id: part.start_after for part in parts}).static_order())
    return max(end for _, end in _spans(order, parts, lasts).values())


def _links(parts: Sequence[FisAction]) -> Iterator[Problem]:
    ids = [part.id for part in parts]
    for i, part in enumerate(parts):
        if part.id in ids[:i]:
            yield Problem("DUPLICATE_ID", f"actions.{i}.id: {part.id!r} is there twice", "another id")
        for other in part.start_after:
            if other not in ids:
                write = " | ".join(ids)
                yield Problem("UNKNOWN_STEP", f"actions.{i}.start_after: there is no action {other!r} here", write)


def _spans(
    order: Sequence[str], parts: Sequence[FisAction], lasts: Callable[[FisAction], int | None]
) -> dict[str, tuple[int, int]]:
    """Start and end of each; one without an end of its own counts as over at once, for what starts after it."""
    by_id = {part.id: part for part in parts}
    found: dict[str, tuple[int, int]] = {}
    for name in order:
        start = max((found[other][1] for other in by_id[name].start_after), default=0)
        found[name] = (start, start + (lasts(by_id[name]) or 0))
    return found


def _at_once(parts: Sequence[FisAction], spans: Mapping[str, tuple[int, int]]) -> int:
    """The most that run at one time."""
    return max(sum(spans[p.id][0] <= at < max(spans[p.id][1], spans[p.id][0] + 1) for p in parts)
               for at, _ in spans.values())  # fmt: skip
