"""What a live screen shows, section by section: lines of text, most pressing first. Pure; the time is given.

A word says each state (``ACTIVE``, ``GONE``, ``LATE``); colour only repeats it.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text

from gameday.cli.live.board import Board, signed, waiting
from gameday.cli.live.gauges import bar
from gameday.cli.live.sparks import newest, spark
from gameday.clock import Ms
from gameday.journal.injected import FaultState
from gameday.plan import PlannedStep, Signal
from gameday.reports.gauges import Gauge
from gameday.reports.telling import Tone, asks, number, short, title
from gameday.reports.words import clock

STYLES: dict[Tone, str] = {"": "", "good": "green", "warn": "yellow", "bad": "bold red"}
UNITS = {"count": "", "milliseconds": " ms", "seconds": " s", "percent": " %", "bytes": " B"}


@dataclass(frozen=True)
class View:
    """One look at a run: what is known, and the scenario and wall time of the look."""

    board: Board
    now: Ms
    wall: Ms
    gauges: tuple[Gauge, ...] = ()
    footer: tuple[str, Tone] = ("", "")
    trouble: str = ""
    warning: str = ""  # something that is no event
    wide: bool = False


def line(*parts: Text | tuple[str, str] | str) -> Text:
    """One line; what users wrote is text, never markup."""
    return Text.assemble(*parts, no_wrap=True, end="")


def span(ms: Ms) -> str:
    """``1:55``; whole seconds, never negative."""
    return clock(max(0, ms) // 1000)


def faults(view: View, _width: int) -> list[Text]:
    """Each fault that was asked for: its state, by whom it was seen, and when it ends by itself."""
    lines = []
    for ident, fault in _pressing(view.board.state.faults):
        word, style = _fault_word(view, ident, fault)
        lines.append(line((word, style), f"  {title(view.board.plan, ident)}"))
        if detail := _fault_detail(view, ident, fault):
            lines.append(line(f"  {detail}"))
    return lines


def _pressing(found: dict[str, FaultState]) -> list[tuple[str, FaultState]]:
    return sorted(found.items(), key=lambda item: item[1].gone_ms is not None)


def _fault_word(view: View, ident: str, fault: FaultState) -> tuple[str, str]:
    unseen = fault.gone_ms is None and fault.not_gone
    rows = [
        (ident in view.board.state.undo_failed, "UNDO FAILED", "bold white on red"),
        (unseen, "NOT SEEN GONE", "bold white on red"),
        (fault.gone_ms is not None, "GONE", "green"),
        (fault.ended_ms is not None, "ENDED, NOT SEEN GONE YET", "bold yellow"),
        (fault.stop_requested_ms is not None, "BEING TAKEN BACK", "bold yellow"),
        (fault.effective_ms is not None, "ACTIVE", "bold red"),
        (fault.not_effective and bool(fault.witness_read), "NO EFFECT SEEN", "bold magenta"),
        (fault.not_effective, "EFFECT UNKNOWN", "bold magenta"),
        (fault.accepted_ms is not None, "STARTED, EFFECT NOT SEEN YET", "bold yellow"),
    ]
    return next(((word, style) for true, word, style in rows if true), ("REQUESTED", "bold yellow"))


def _fault_detail(view: View, ident: str, fault: FaultState) -> str:
    parts = []
    failed = view.board.state.undo_failed.get(ident)
    if failed or (fault.not_gone and fault.gone_ms is None):
        return "look at " + (", ".join(_resources(view, ident, failed)) or "its targets") + "; then: gameday recover"
    if fault.gone_ms is not None:
        return f"seen gone at {view.board.since_go(fault.gone_ms)}"
    if fault.ended_ms is None and (left := _fault_left(view, ident, fault)) is not None:
        parts.append(f"ends by itself in {span(left)}" if left >= 0 else f"OVERDUE by {span(-left)}")
    if fault.effective_ms is not None:
        parts.append(f"seen by {short(fault.witness, 40)} at {view.board.since_go(fault.effective_ms)}")
    return "; ".join(parts)


def _resources(view: View, ident: str, failed: dict[str, object] | None) -> list[str]:
    named = (failed or {}).get("resources")
    planned = next((s.fault.resources for s in view.board.plan.steps if s.id == ident and s.fault), ())
    return [short(r, 60) for r in (named if isinstance(named, list) and named else planned)]


def _fault_left(view: View, ident: str, fault: FaultState) -> Ms | None:
    step = next((s for s in view.board.plan.steps if s.id == ident), None)
    if step is None or step.fault is None or step.fault.duration_ms is None:
        return None
    since = fault.accepted_ms if fault.accepted_ms is not None else fault.requested_ms
    return since + step.fault.duration_ms - view.now


def prompts(view: View, _width: int) -> list[Text]:
    """Who is waited for: the digit that answers, the prompt's id, the role, the time left, and what it says."""
    lines = []
    for prompt in waiting(view.board.state):
        digit = view.board.numbers.get(prompt.id, 0)
        step = next((s for s in view.board.plan.steps if s.id == prompt.step), None)
        late = line(*_left(view, step)) if step and step.within_ms is not None else Text("no limit")
        head = line((f" {digit} ", "bold reverse"), (f" {short(prompt.to, 40)}", "bold"), "  ", late)
        said = line(f"    {asks(prompt.expects, prompt.says, prompt.number)}")
        lines += [head.append(f"  ({short(prompt.id, 40)})"), said]
    return lines


def _left(view: View, step: PlannedStep) -> list[tuple[str, str]]:
    """The time left of a running step; a limit on people stands still while the run is held."""
    prompt = view.board.state.prompts.get(step.id)
    since = prompt.delivered_ms if prompt else view.board.state.step(step.id).started_ms
    if step.within_ms is None or since is None:
        return [("no limit", "dim")]
    stood = _held(view, since) if _of_people(step) else 0
    left = since + step.within_ms + stood - view.now
    if left < 0:
        return [(f"LATE by {span(-left)}", "bold red")]
    return [(f"{span(left)} left", "yellow" if left < step.within_ms // 4 else "")]


def _of_people(step: PlannedStep) -> bool:
    return step.kind in ("inject", "task", "question") or bool(step.expect and hasattr(step.expect, "does"))


def _held(view: View, since: Ms) -> Ms:
    state = view.board.state
    spans = [*state.holds, *([(state.held_since, view.now)] if state.held_since is not None else [])]
    return sum(max(0, end - max(start, since)) for start, end in spans)


def running(view: View, _width: int) -> list[Text]:
    """Steps under way, but faults, which have their own section; a runbook with how far it is."""
    steps = [s for s in view.board.steps("running") if s.kind != "fault"]
    return [line(*_left(view, s), f"  {title(view.board.plan, s.id)}{_progress(view, s)}") for s in steps]


def _progress(view: View, step: PlannedStep) -> str:
    book = next((r for r in view.board.plan.runbooks if r.id == step.runbook), None)
    if step.kind != "task" or book is None:
        return ""
    done = view.board.state.tasks.get(step.id, {})
    return f" ({len(done)} of {len(book.steps)} done)"


def upcoming(view: View, _width: int) -> list[Text]:
    """Steps to come: those with a time first, with the clock since go at which they will start."""
    state = view.board.state
    if state.abort is not None or state.guards_fired or state.ended_status is not None:
        return [line(("nothing: no step begins any more", "dim"))]
    pending = view.board.steps("pending")
    timed = sorted((s for s in pending if not s.after and s.when is None), key=lambda s: s.at_ms or 0)
    later = [s for s in pending if s.after or s.when is not None]
    return [*(_timed(view, s) for s in timed), *(_later(view, s) for s in later)]


def _timed(view: View, step: PlannedStep) -> Text:
    state, at = view.board.state, step.at_ms or 0
    if state.t_go is None:
        return line(f"{signed(at)}  ", title(view.board.plan, step.id))
    passed = state.timeline_at(view.now)
    shown = signed(at + view.now - state.t_go - passed)
    wait = ("held", "bold yellow") if state.held_since is not None else (f"in {span(at - passed)}", "")
    return line(f"{shown}  ", wait, f"  {title(view.board.plan, step.id)}")


def _later(view: View, step: PlannedStep) -> Text:
    when = f"after {', '.join(step.after)}" if step.after else f"when {step.when}"
    return line((f"{when}: ", "dim"), title(view.board.plan, step.id))


def tolerances(view: View, width: int) -> list[Text]:
    """Each tolerance as a bar and in words, then the codes that already stand in the way of a verdict."""
    name = min(20, max((len(g.id) for g in view.gauges), default=0))
    roomy = view.wide
    cells = max(8, min(48, width - name - (2 if roomy else 43)))
    lines = []
    for gauge in view.gauges:
        style = "bold red" if gauge.word == "breached" else "green" if gauge.word == "within" else ""
        word = "" if gauge.word == "so far" else f"{gauge.word.upper()} "
        drawn, told = line(f"{short(gauge.id, name):<{name}} ", bar(gauge, cells)), line((word, style), gauge.text)
        lines += [drawn, line(" " * (name + 1), told)] if roomy else [line(drawn, " ", told)]
        lines += [line(("  " + ", ".join(gauge.codes), "yellow"))] if gauge.codes else []
    legend = "█ certain  ▒ possible  › still open  │ limit  ! a guard stops the run"
    return [*lines, line((legend, "dim"))] if roomy and lines else lines


def signals(view: View, width: int) -> list[Text]:
    """What is watched: a spark with its gaps, the last value and how old it is."""
    shown = [s for s in view.board.plan.signals if not s.implicit]
    name = min(24, max((len(s.id) for s in shown), default=0))
    cells = max(8, min(60, width - name - 24))
    return [_signal(view, s, name, cells) for s in shown]


def _signal(view: View, signal: Signal, name: int, cells: int) -> Text:
    state, label = view.board.state, f"{short(signal.id, name):<{name}} "
    if signal.source.endswith(".alarm"):
        return line(label, *_alarm(view, signal))
    series = state.signals.get(signal.id, {})
    drawn, last = spark(signal, series, view.now, cells, state.disturbed), newest(series)
    if last is None:
        return line(label, drawn, ("  no data yet", "yellow"))
    age = max(0, view.now - last[0] - signal.period_ms)
    stale = age > signal.settles_ms + 3 * signal.period_ms
    unit = UNITS.get(signal.unit, f" {short(signal.unit, 8)}")
    told = (f" NO DATA {span(age)}", "bold yellow") if stale else (f" {span(age)} ago", "dim")
    return line(label, drawn, f" {number(last[1])}{unit}", told)


def _alarm(view: View, signal: Signal) -> list[tuple[str, str]]:
    seen = view.board.state.alarms.get(signal.id)
    if not seen:
        return [("state not read yet", "yellow")]
    since, name = seen[-1]
    style = "bold red" if name == "ALARM" else "green" if name == "OK" else "yellow"
    return [(short(name, 20), style), (f" since {view.board.since_go(since)}", "dim")]


def latest(view: View, _width: int) -> list[Text]:
    """What happened, oldest first."""
    return [
        line((f"{view.board.since_go(at):>7} ", "dim"), (f"{told.kind:<7} ", "dim"), (told.text, STYLES[told.tone]))
        for at, told in view.board.told
    ]
