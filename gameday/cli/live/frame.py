"""A whole screen: sections fitted to a terminal. What matters least goes first when there is no room.

Environment and speed, the clock, faults and who is waited for are never dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rich.text import Text

from gameday.cli.live.sections import (
    STYLES,
    View,
    faults,
    latest,
    line,
    prompts,
    running,
    signals,
    span,
    tolerances,
    upcoming,
)
from gameday.clock import iso
from gameday.model.workspace import REHEARSAL
from gameday.reports.telling import short

WIDE = 120
GUTTER = 10
QUIET_MS = 30_000  # wall time without an event after which the screen says so


@dataclass(frozen=True)
class Section:
    """A titled list of lines. ``least`` rows come before others get more; the newest lines are last if ``tail``."""

    title: str
    make: Callable[[View, int], list[Text]]
    least: int
    tail: bool = False


BY_IMPORTANCE = (
    Section("FAULTS", faults, 2),
    Section("WAITING", prompts, 2),
    Section("TOLERANCE", tolerances, 2),
    Section("RUNNING", running, 1),
    Section("NEXT", upcoming, 1),
    Section("SIGNALS", signals, 3),
)
EVENTS = Section("EVENTS", latest, 2, tail=True)


def frame(view: View, width: int, height: int) -> list[Text]:
    """Exactly ``height`` lines of at most ``width`` cells."""
    head, foot = header(view, width), [_footer(view)]
    room = max(0, height - len(head) - len(foot))
    body = _wide(replace(view, wide=True), width, room) if width >= WIDE else _narrow(view, width, room)
    lines = [*head, *body[:room], *[Text("")] * (room - len(body)), *foot]
    return [_cut(text, width) for text in (lines[: height - 1] + foot if len(lines) > height else lines)][:height]


def _cut(text: Text, width: int) -> Text:
    cut = text.copy()
    cut.no_wrap, cut.end = True, "\n"
    cut.truncate(width, overflow="ellipsis")
    return cut


def header(view: View, width: int) -> list[Text]:
    """Where this is and how fast, always; the phase and the clocks; the run; what is out of the ordinary."""
    state, plan = view.board.state, view.board.plan
    production = plan.environment_definition.production
    name = short(state.environment or plan.environment, 30).upper()
    badge = f" PRODUCTION {name} " if production else f" {name} "
    style = "bold white on red" if production else "bold black on green" if _rehearsal(view) else "bold black on yellow"
    phase = short(state.phase or "opening", 12).upper()
    clocks = f"{_go_clock(view)}   {iso(view.wall)[11:19]} UTC"
    left = line((f"{badge} speed {state.speed:g} ", style), (f"  {phase}  ", "bold"), (clocks, "bold"))
    if production:
        left.pad_right(max(0, width - left.cell_len))
        left.stylize("white on red")
    quiet = view.wall - view.board.heard_wall if view.board.heard_wall is not None else 0
    heard = (f"nothing heard for {span(quiet)}  ", "bold yellow") if quiet > QUIET_MS else ""
    return [left, line(heard, short(state.run or "", 90), ("  " + short(plan.title), "dim")), *_banner(view)]


def _go_clock(view: View) -> str:
    go, started = view.board.go_ms, view.board.state.t_go is not None
    if go is None or (not started and view.now > go):
        return "waiting for the go"  # a baseline may last longer than planned, until it is clean
    return f"{view.board.since_go(view.now)} {'since' if view.now >= go else 'to the'} go"


def _rehearsal(view: View) -> bool:
    return (view.board.state.environment or view.board.plan.environment) == REHEARSAL


def _banner(view: View) -> list[Text]:
    state = view.board.state
    found = []
    if state.ended_status is not None:
        found.append(line((f" THE RUN HAS ENDED: {short(state.ended_status, 20)} ", "reverse")))
    elif state.abort is not None or state.guards_fired:
        why = short(state.abort or f"guard {state.guards_fired[-1]}", 60)
        found.append(line((f" STOPPING, faults are being taken back: {why} ", "bold white on red")))
    elif state.held_since is not None:
        held = view.now - state.held_since
        found.append(line((f" HELD for {span(held)}: the timeline waits, FAULTS STAY ACTIVE ", "bold black on yellow")))
    if view.warning:
        found.append(line((f" {short(view.warning)} ", "bold yellow")))
    if view.trouble:
        found.append(line((f" the screen had trouble: {short(view.trouble)} ", "yellow")))
    return found


def _footer(view: View) -> Text:
    text, tone = view.footer
    return line((text, STYLES[tone] or "reverse"))


def allot(rows: int, leasts: Sequence[int], wants: Sequence[int]) -> list[int]:
    """Rows for each, in order of importance: first what each needs at least, then what it wants."""
    given = [0] * len(wants)
    for goals in (leasts, wants):
        for index, goal in enumerate(goals):
            more = max(0, min(rows, min(goal, wants[index]) - given[index]))
            given[index] += more
            rows -= more
    return given


def _fit(lines: list[Text], rows: int, tail: bool) -> list[Text]:
    if len(lines) <= rows:
        return lines
    if tail:
        return lines[len(lines) - rows :] if rows else []
    if rows < 2:
        return [line(text, (f"  (+{len(lines) - 1})", "dim")) for text in lines[:rows]]
    return [*lines[: rows - 1], line((f"… {len(lines) - rows + 1} more", "dim"))]


def _narrow(view: View, width: int, rows: int) -> list[Text]:
    """One column; titles stand in a gutter, so that they cost no row."""
    sections = [*BY_IMPORTANCE, EVENTS]
    made = [s.make(view, width - GUTTER) for s in sections]
    given = allot(rows, [s.least for s in sections], [len(m) for m in made])
    lines = []
    for section, text, count in zip(sections, made, given, strict=True):
        for index, one in enumerate(_fit(text, count, section.tail)):
            label = section.title if index == 0 else ""
            lines.append(line((f"{label:<{GUTTER}}", "bold blue"), one))
    return lines


def _wide(view: View, width: int, rows: int) -> list[Text]:
    """Two columns of sections under headings, and the events below them over the whole width."""
    half = (width - 3) // 2
    left = _column(view, half, [s for s in BY_IMPORTANCE if s.title in ("FAULTS", "WAITING", "RUNNING", "NEXT")], rows)
    right = _column(view, width - half - 3, [s for s in BY_IMPORTANCE if s.title in ("TOLERANCE", "SIGNALS")], rows)
    above = max(len(left), len(right))
    blank = Text("")
    pairs = zip(_pad(left, above, blank), _pad(right, above, blank), strict=True)
    columns = [_beside(*pair, half) for pair in pairs]
    told = latest(view, width)
    below = rows - above - 1
    if below < 1:
        return columns
    return [*columns, _heading(EVENTS.title, width), *_fit(told, below, tail=True)]


def _pad(lines: list[Text], rows: int, blank: Text) -> list[Text]:
    return [*lines, *[blank] * (rows - len(lines))]


def _beside(left: Text, right: Text, half: int) -> Text:
    cut = _cut(left, half)
    cut.pad_right(half - cut.cell_len + 3)
    return line(cut, right)


def _heading(title: str, width: int) -> Text:
    return line((f"── {title} ".ljust(width, "─"), "bold blue"))


def _column(view: View, width: int, sections: list[Section], rows: int) -> list[Text]:
    made = [(s, m) for s in sections if (m := s.make(view, width))]
    room = max(0, rows - len(made) - EVENTS.least - 1)
    given = allot(room, [s.least for s, _ in made], [len(m) for _, m in made])
    lines: list[Text] = []
    for (section, text), count in zip(made, given, strict=True):
        if count:
            lines += [_heading(section.title, width), *_fit(text, count, section.tail)]
    return lines
