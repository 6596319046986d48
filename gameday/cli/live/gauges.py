"""A tolerance so far as a bar: what is certain, what is possible, and where the limit lies."""

from __future__ import annotations

from itertools import groupby

from rich.text import Text

from gameday.reports.gauges import Gauge

SCALE = 1.25  # the bar's right end, in limits: what lies beyond the limit must be seen to lie beyond it


def bar(gauge: Gauge, width: int) -> Text:
    """``█`` certain, ``▒`` possible, ``›`` still open, ``│`` the limit, ``!`` where a guard stops the run."""
    if gauge.lo is None:
        return Text("?" * width, style="dim")
    cells = [_cell(i, gauge, width) for i in range(width)]
    text = Text()
    for style, same in groupby(cells, key=lambda cell: cell[1]):
        text.append("".join(glyph for glyph, _ in same), style=style)
    return text


def _at(share: float, width: int) -> int:
    return min(width - 1, int(min(share, SCALE) / SCALE * width))


def _cell(index: int, gauge: Gauge, width: int) -> tuple[str, str]:
    lo = gauge.lo or 0.0
    certain, limit = _at(lo, width), _at(1.0, width)  # cells that are full; the cell of the limit
    if index == limit:
        return ("│", "bold reverse red") if lo > 1 else ("│", "bold")
    if index < certain or (index == 0 and lo > 0):
        return "█", "red" if lo > 1 else "yellow"
    hi = gauge.possible
    if hi is not None and hi > lo and index <= _at(hi, width):
        return "▒", "yellow"
    if gauge.hi is None and lo > 0 and index == max(certain, 1, 0 if hi is None or hi <= lo else _at(hi, width) + 1):
        return "›", "bold yellow"
    if gauge.guard is not None and index == _at(gauge.guard, width):
        return "!", "bold magenta"
    return "·", "dim"
