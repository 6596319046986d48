"""The timeline of a plan as lanes to be drawn: where each step's bar begins and ends. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from gameday.plan import Plan
from gameday.planning.spans import Span, day_spans
from gameday.reports.telling import short

LEFT, WIDTH = 230, 520  # of the bars, in the picture's own units; names stand before them
LANE, TOP = 24, 24
NARROWEST = 3
LONGEST_NAME = 30
_MINUTE = 60_000
_TICKS = tuple(m * _MINUTE for m in (1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1440))
_MOST_TICKS = 9


@dataclass(frozen=True)
class Tick:
    """A line at a round time."""

    x: int
    label: str


@dataclass(frozen=True)
class Lane:
    """One step. ``least`` is as wide as it surely lasts, ``most`` as it may."""

    label: str
    kind: str
    y: int
    x: int
    least: int
    most: int


@dataclass(frozen=True)
class Lanes:
    """The whole picture."""

    height: int
    ticks: tuple[Tick, ...]
    bars: tuple[Lane, ...]


def lanes(plan: Plan) -> Lanes:
    """A lane a step, in the plan's order, on a scale from the go to the last limit."""
    known = day_spans(plan)
    end = max([_MINUTE, *(span.last for span in known.values())])
    bars = tuple(_lane(i, s.id, s.kind, known[s.id], end) for i, s in enumerate(plan.steps))
    step = next((t for t in _TICKS if end / t <= _MOST_TICKS), _TICKS[-1])
    ticks = tuple(Tick(_x(ms, end), f"{ms // _MINUTE}") for ms in range(0, end + 1, step))
    return Lanes(TOP + LANE * len(bars) + 4, ticks, bars)


def _x(ms: int, end: int) -> int:
    return LEFT + round(ms * WIDTH / end)


def _lane(index: int, ident: str, kind: str, span: Span, end: int) -> Lane:
    x, done, last = (_x(ms, end) for ms in (span.start, span.done, span.last))
    return Lane(
        short(ident, LONGEST_NAME), kind, TOP + LANE * index, x, max(NARROWEST, done - x), max(NARROWEST, last - x)
    )
