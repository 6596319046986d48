"""A timeline drawn in the terminal: one row a step on a scale of minutes. It reads without colour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from gameday.model.scenario import TAKEN
from gameday.model.types import write_duration
from gameday.plan import Plan, PlannedStep
from gameday.planning.spans import Span, day_spans

FAULT, GONE, AWAY, WINDOW, AFTER, OPEN, BASELINE, GRID, GO = "█", "▒", "▓", "░", "›", "…", "─", "┊", "│"
LEGEND = (
    (FAULT, "fault"), (GONE, "may still be there"), (WINDOW, "may take so long"), (AWAY, "absent"),
    (AFTER, "starts here at the earliest"), (OPEN, "no limit"),
)  # fmt: skip
_MINUTE = 60_000
_TICKS = tuple(m * _MINUTE for m in (1, 2, 5, 10, 15, 20, 30, 60, 120, 240, 480, 1440))
_TICK_CELLS = 8  # a label such as 1h30m and a gap
_NARROWEST, _LABEL = 20, 24
_STYLES = {
    FAULT: "red", GONE: "red", AWAY: "yellow", WINDOW: "cyan", AFTER: "bold cyan", GRID: "dim", BASELINE: "green"
}  # fmt: skip


@dataclass(frozen=True)
class Scale:
    """Milliseconds from the go to cells: the first cell begins at ``start``."""

    start: int
    end: int
    cells: int

    def cell(self, ms: int) -> int:
        """The cell in which this time lies; the end lies in the last."""
        return min(self.cells - 1, self.edge(ms))

    def edge(self, ms: int) -> int:
        """The cell before which something ends that ends then."""
        return min(self.cells, max(0, (ms - self.start) * self.cells // (self.end - self.start)))

    def ticks(self) -> range:
        """The times that get a label: round, and far enough apart to be read."""
        wanted = (self.end - self.start) * _TICK_CELLS // self.cells
        step = next((tick for tick in _TICKS if tick >= wanted), _TICKS[-1])
        return range(-(-self.start // step) * step, self.end + 1, step)


def draw(plan: Plan, width: int) -> Text:
    """The whole timeline, at most ``width`` cells wide, with its scale and a legend of the signs it uses."""
    known = day_spans(plan)
    label = min(_LABEL, max(len(name) for name in ("baseline", *known)), width - _NARROWEST - 1)
    end = max(_MINUTE, *(span.last for span in known.values()))
    scale = Scale(-plan.baseline_ms, end, width - label - 1)
    rows = [_labels(scale), *_rows(plan, known, scale)]
    names = ["", "baseline", *(step.id for step in plan.steps)]
    text = Text(no_wrap=True)
    for name, row in zip(names, rows, strict=True):
        text.append(f"{_fit(name, label)} ").append_text(_coloured(row)).append("\n")
    return text.append_text(_legend(rows, width))


def _rows(plan: Plan, known: dict[str, Span], scale: Scale) -> Iterator[str]:
    yield _put(_row(scale, [(-plan.baseline_ms, 0, BASELINE)]), scale.cell(0), GO)
    for step in plan.steps:
        yield _bar(step, known[step.id], scale)


def _bar(step: PlannedStep, span: Span, scale: Scale) -> str:
    begun = FAULT if step.kind == "fault" else AWAY if step.kind in TAKEN else WINDOW
    last = scale.end if span.open else span.last
    row = _row(scale, [(span.done, last, GONE if step.fault else WINDOW), (span.start, span.done, begun)])
    first = scale.cell(span.start)
    if span.done == span.start and step.kind in ("fault", *TAKEN) or row[first] in (GRID, GO, " "):
        row = _put(row, first, begun)
    if step.after or step.when:
        row = _put(row, first, AFTER)
    return _put(row, scale.cells - 1, OPEN) if span.open else row


def _row(scale: Scale, parts: Iterable[tuple[int, int, str]]) -> str:
    """Grid and go, and over them the parts, later ones on top."""
    row = [" "] * scale.cells
    for tick in scale.ticks():
        row[scale.cell(tick)] = GRID
    row[scale.cell(0)] = GO
    for start, end, sign in parts:
        if end > start:
            first = scale.cell(start)
            last = max(first + 1, scale.edge(end))
            row[first:last] = sign * (last - first)
    return "".join(row)


def _put(row: str, at: int, sign: str) -> str:
    return row[:at] + sign + row[at + 1 :]


def _labels(scale: Scale) -> str:
    """Each label begins at its tick; one that would not fit in the row is left out."""
    row = [" "] * scale.cells
    for tick in scale.ticks():
        words = "go" if tick == 0 else ("-" if tick < 0 else "") + write_duration(abs(tick))
        at = scale.cell(tick)
        if at + len(words) <= scale.cells:
            row[at : at + len(words)] = words
    return "".join(row)


def _fit(name: str, cells: int) -> str:
    return set_cell_size(name if cell_len(name) <= cells else f"{set_cell_size(name, cells - 1)}…", cells)


def _coloured(row: str) -> Text:
    text = Text(row)
    for at, sign in enumerate(row):
        if sign in _STYLES:
            text.stylize(_STYLES[sign], at, at + 1)
    return text


def _legend(rows: Iterable[str], width: int) -> Text:
    """Only the signs that stand there, in lines of the width."""
    used = set("".join(rows))
    lines: list[str] = [""]
    for part in (f"{sign} {says}" for sign, says in LEGEND if sign in used):
        joined = f"{lines[-1]}   {part}" if lines[-1] else part
        lines = [*lines[:-1], joined] if cell_len(joined) <= width else [*lines, part]
    return Text("\n".join(lines), style="dim")
