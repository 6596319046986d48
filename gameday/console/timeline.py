"""Steps, faults, alarms and charts, for those who may see them."""

from __future__ import annotations

from collections.abc import Iterator

from gameday.clock import Ms
from gameday.console import views as v
from gameday.console.known import LONGEST_SAYS, Known
from gameday.journal.injected import FaultState
from gameday.plan import ALARM_SOURCE, PlannedStep, Signal
from gameday.reports.telling import Tone, short, title
from gameday.reports.words import offset

MOST_POINTS = 2_000  # of one chart


def steps(known: Known, whole: bool) -> tuple[v.StepView, ...]:
    """The timeline: all of it, or what has begun."""
    begun = [s for s in known.plan.steps if whole or known.state.step(s.id).started_ms is not None]
    return tuple(step_view(known, s) for s in begun)


def step_view(known: Known, step: PlannedStep) -> v.StepView:
    """One step, planned and as it went."""
    state, given = known.state.step(step.id), known.state.played.scores.get(step.id)
    due = None if state.started_ms is None or step.within_ms is None else state.started_ms + step.within_ms
    return v.StepView(
        id=step.id, kind=step.kind, title=title(known.plan, step.id), to=step.to, status=state.status,
        result=state.result, why=short(state.why) if state.why else None, starts=starts(step),
        planned_ms=planned(step), started_ms=state.started_ms, ended_ms=state.ended_ms, due_ms=due,
        says=short(step.says, LONGEST_SAYS) if step.says else None, expects=expects(step),
        score=given.score.replace("_", " ") if given else None,
    )  # fmt: skip


def planned(step: PlannedStep) -> Ms | None:
    """The offset from the go at which it starts; None for one that waits for something else."""
    return None if step.after or step.when is not None or step.branch else step.at_ms or 0


def starts(step: PlannedStep) -> str:
    """When it starts, in words: ``+06:00``, ``after ack``, ``when payments-failures above 1``."""
    at = planned(step)
    if at is not None:
        return offset(at, 0)
    if step.after:
        return f"after {', '.join(step.after)}"
    return "through a branch" if step.when is None else f"when {step.when}"


def expects(step: PlannedStep) -> str | None:
    """What is expected, in words."""
    if step.expect is None:
        return None
    facts = step.expect.model_dump(mode="json", exclude_none=True, exclude_defaults=True, exclude={"score"})
    return short(", ".join(f"{key} {value}" for key, value in facts.items()))


def faults(known: Known) -> tuple[v.FaultView, ...]:
    """Each fault that was asked for, those that are not gone first."""
    found = sorted(known.state.faults.items(), key=lambda item: item[1].gone_ms is not None)
    return tuple(_fault(known, ident, fault) for ident, fault in found)


def _fault(known: Known, ident: str, fault: FaultState) -> v.FaultView:
    word, tone = _word(known, ident, fault)
    step = next((s for s in known.plan.steps if s.id == ident), None)
    lasts = step.fault.duration_ms if step and step.fault else None
    since = fault.accepted_ms if fault.accepted_ms is not None else fault.requested_ms
    return v.FaultView(
        step=ident, title=title(known.plan, ident), word=word, tone=tone, detail=_detail(known, ident, fault, step),
        effective_ms=fault.effective_ms, ends_ms=None if lasts is None or fault.ended_ms else since + lasts,
        gone_ms=fault.gone_ms,
    )  # fmt: skip


def _word(known: Known, ident: str, fault: FaultState) -> tuple[str, Tone]:
    """The word of the worst that is true."""
    rows: tuple[tuple[bool, str, Tone], ...] = (
        (ident in known.state.undo_failed, "UNDO FAILED", "bad"),
        (fault.gone_ms is None and fault.not_gone, "NOT SEEN GONE", "bad"),
        (fault.gone_ms is not None, "GONE", "good"),
        (fault.ended_ms is not None, "ENDED, NOT SEEN GONE YET", "warn"),
        (fault.stop_requested_ms is not None, "BEING TAKEN BACK", "warn"),
        (fault.effective_ms is not None, "ACTIVE", "bad"),
        (fault.not_effective and bool(fault.witness_read), "NO EFFECT SEEN", "bad"),
        (fault.not_effective, "EFFECT UNKNOWN", "bad"),
        (fault.accepted_ms is not None, "STARTED, EFFECT NOT SEEN YET", "warn"),
    )
    return next(((word, tone) for true, word, tone in rows if true), ("REQUESTED", "warn"))


def _detail(known: Known, ident: str, fault: FaultState, step: PlannedStep | None) -> str:
    if ident in known.state.undo_failed or (fault.not_gone and fault.gone_ms is None):
        named = known.state.undo_failed.get(ident, {}).get("resources") or (step.fault.resources if step and step.fault
                                                                            else ())  # fmt: skip
        return short(f"look at {', '.join(str(r) for r in named) or 'its targets'}; then: gameday recover")
    if fault.gone_ms is not None:
        return f"seen gone at {offset(fault.gone_ms, known.go_ms)}"
    if fault.effective_ms is None:
        return ""
    return f"seen by {short(fault.witness, 40)} at {offset(fault.effective_ms, known.go_ms)}"


def alarms(known: Known) -> tuple[v.AlarmView, ...]:
    """Each alarm that is watched; one that nobody has read says so."""
    watched = [s.id for s in known.plan.signals if s.source == ALARM_SOURCE]
    return tuple(_alarm(known, ident) for ident in watched)


def _alarm(known: Known, ident: str) -> v.AlarmView:
    seen = known.state.alarms.get(ident)
    since, word = seen[-1] if seen else (None, "not read yet")
    return v.AlarmView(signal=ident, state=short(word, 30), since_ms=since)


def charts(known: Known) -> v.SignalsView:
    """Every signal that is no alarm and was not made by gameday itself, with what is marked in it."""
    return v.SignalsView(
        seq=known.seq, signals=tuple(_chart(known, s) for s in drawn(known)), marks=tuple(_marks(known))
    )


def drawn(known: Known) -> list[Signal]:
    """The signals that have a chart."""
    return [s for s in known.plan.signals if not s.implicit and s.source != ALARM_SOURCE]


def _chart(known: Known, signal: Signal) -> v.SignalView:
    series = known.state.signals.get(signal.id, {})
    points = tuple((start, series[start]) for start in sorted(series)[-MOST_POINTS:])
    return v.SignalView(id=signal.id, means=short(signal.means), unit=signal.unit, period_ms=signal.period_ms,
                        settles_ms=signal.settles_ms, points=points)  # fmt: skip


def _marks(known: Known) -> Iterator[v.MarkView]:
    state = known.state
    for ident, fault in state.faults.items():
        name = title(known.plan, ident)
        yield v.MarkView(kind="fault", label=name, from_ms=fault.requested_ms, to_ms=fault.gone_ms)
        if fault.stop_requested_ms is not None:
            yield v.MarkView(kind="undo", label=name, from_ms=fault.stop_requested_ms, to_ms=fault.gone_ms)
    held: list[tuple[Ms, Ms | None]] = list(state.holds)
    if state.held_since is not None:
        held.append((state.held_since, None))
    yield from (v.MarkView(kind="hold", label="held", from_ms=since, to_ms=to) for since, to in held)
    yield from (v.MarkView(kind="disturbed", label="unknown", from_ms=a, to_ms=b) for a, b in state.disturbed)
