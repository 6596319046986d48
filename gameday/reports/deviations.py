"""As planned against as run: each step that was late, skipped, missed or never reached, each hold and intervention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gameday.clock import Ms
from gameday.journal.events import Event
from gameday.journal.state import State, fold
from gameday.plan import Plan, PlannedStep
from gameday.reports.escape import Safe
from gameday.reports.timeline import AS_HOPED
from gameday.reports.words import clock, offset, says

LATE_MS = 10_000  # scenario time; a conductor's look and a person's glance take this long without being late
BY_HAND = ("step.fire_asked", "step.delay_asked", "task.step_skipped")
Row = dict[str, str]


def steps(plan: Plan, events: Sequence[Event], go: Ms | None) -> list[Row]:
    """Each step of the timeline: when it was planned, when it started and ended, how, and what differs."""
    state = fold(events)
    return [_step(step, state, events, go) for step in plan.steps]


def others(plan: Plan, events: Sequence[Event], go: Ms | None) -> list[Row]:
    """What happened to the day as a whole that no plan holds: holds, skips, guards, aborts, a conductor replaced."""
    return [row for event in events for row in _other(event, events, go)]


def _step(step: PlannedStep, state: State, events: Sequence[Event], go: Ms | None) -> Row:
    found = state.step(step.id)
    ended = next((e for e in reversed(events) if e.type == "step.ended" and e.what.get("step") == step.id), None)
    result = found.result or ("still running" if found.status == "running" else "not reached")
    return {
        "id": step.id,
        "title": step.title,
        "planned": Safe(planned(step)) if not (step.after or step.when or step.branch) else planned(step),
        "started": Safe(offset(found.started_ms, go)) if found.started_ms is not None else "not started",
        "ended": Safe(offset(found.ended_ms, go)),
        "result": f"{result}: {found.why}" if found.why else result,
        "differs": "; ".join(_differs(step, state, result)),
        "evidence": f"event:{ended.seq}" if ended else "",
    }


def planned(step: PlannedStep) -> str:
    """When the plan starts this step, in words."""
    parts = [offset(step.at_ms, 0)] if step.at_ms is not None else []
    parts += [f"after {', '.join(step.after)}"] if step.after else []
    parts += [f"when {step.when}"] if step.when else []
    parts += ["through a branch"] if step.branch else []
    return "; ".join(parts) or "+00:00"


def _differs(step: PlannedStep, state: State, result: str) -> Iterator[str]:
    started = state.step(step.id).started_ms
    if result not in AS_HOPED:
        yield result
    if started is not None and (due := _due(step, state)) is not None and started - due > LATE_MS:
        yield f"{clock((started - due) // 1000)} late"
    if started is not None and step.id in state.played.fired:
        yield "begun by hand"


def _due(step: PlannedStep, state: State) -> Ms | None:
    """When it should have started, holds taken off; None where a condition decides, or nobody can say."""
    if step.when is not None or step.branch or state.t_go is None:
        return None
    ended = [state.step(ident).ended_ms for ident in step.after]
    if None in ended:
        return None
    offsets = [0 if step.at_ms is None else step.at_ms, *(state.timeline_at(at) for at in ended if at is not None)]
    return _instant(max(offsets), state)


def _instant(wanted: Ms, state: State) -> Ms:
    """The instant at which the timeline, which stands still while held, had reached this offset."""
    at = (state.t_go or 0) + wanted
    for since, until in sorted(state.holds):
        if since <= at:
            at += until - max(since, state.t_go or 0)
    return at


def _other(event: Event, events: Sequence[Event], go: Ms | None) -> Iterator[Row]:
    text = _of_the_day(event, events) or _of_people(event)
    if text:
        yield {"offset": Safe(offset(event.at, go)), "who": event.who, "says": text, "evidence": f"event:{event.seq}"}


def _of_the_day(event: Event, events: Sequence[Event]) -> str:
    what, text = event.what, ""
    if event.type == "hold.started":
        until = next((e.at for e in events if e.type == "hold.ended" and e.seq > event.seq), None)
        lasted = "to the end" if until is None else f"for {clock((until - event.at) // 1000)}"
        text = f"held {lasted}: {what.get('why') or 'no reason given'}"
    elif event.type == "step.skip_asked":
        text = f"skip of {what.get('step')} asked for"
    elif event.type in ("guard.fired", "guard.unreadable"):
        text = f"guard {what.get('guard')} {'fired' if event.type == 'guard.fired' else 'could not be read'}"
    elif event.type == "abort.asked":
        text = f"abort: {what.get('why') or 'no reason given'}"
    elif event.type in ("emergency.asked", "lever.engaged", "lever.failed"):
        text = says(event)
    elif event.type == "conductor.claimed" and event.epoch > 1:
        text = "another conductor took the run over"
    elif event.type == "heartbeat.fired":
        text = f"fault {what.get('step')} was ended by the dead-man's switch, not by its conductor: {what.get('says')}"
    return text


def _of_people(event: Event) -> str:
    what = event.what
    if event.type == "note" and what.get("touches"):
        return f"{what['touches']} touched the service: {what.get('text')}"
    if event.type == "service.touched":
        return f"{what.get('kind')} touched the service: {what.get('why') or 'no reason given'}"
    return says(event) if event.type in (*BY_HAND, "prompt.unpaged") else ""
