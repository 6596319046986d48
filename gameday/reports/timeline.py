"""The merged timeline: people, process and technology on one clock, whole and as the few moments that matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gameday.clock import Ms, from_iso, iso
from gameday.journal.events import Event
from gameday.plan import Plan
from gameday.reports.escape import Safe
from gameday.reports.words import REACTIONS, offset, says

NOT_IN_TIMELINE = frozenset({"signals.sampled"})
KINDS = {
    "prompt": "people", "role": "people", "note": "people", "people": "people", "access": "people",
    "channel": "people", "branch": "people", "task": "process", "fault": "technology",
    "undo": "technology", "alarm": "technology", "observer": "technology", "graph": "technology",
    "rehearsal": "technology", "service": "technology", "clock": "technology", "lever": "technology",
}  # fmt: skip
KEY = frozenset({
    "timeline.started", "fault.requested", "fault.effective", "fault.not_effective", "fault.ended", "fault.gone",
    "fault.not_gone", "alarm.changed", "prompt.delivered", "prompt.acknowledged", "task.step_done", "role.unavailable",
    "role.available", "note", "task.step_wrong", "task.step_missing", "task.step_skipped", "step.scored",
    "step.fire_asked", "step.delay_asked", "branch.taken", "access.expired", "access.restored", "channel.down",
    "channel.up", "prompt.unpaged", "hold.started", "hold.ended", "guard.fired", "guard.unreadable", "abort.asked",
    "emergency.asked", "lever.engaged", "lever.failed", "fault.stop_failed",
    "step.skip_asked", "undo.failed", "service.touched", "run.ended", "run.resumed", "run.reopened",
})  # fmt: skip
WHEN = {"fault.effective": "t0_ms", "alarm.changed": "since_ms", "timeline.started": "t_go_ms"}  # not when it was noted
AS_HOPED = frozenset({"done", "met"})
Row = dict[str, str]


def whole(plan: Plan, events: Sequence[Event], go: Ms | None) -> list[Row]:
    """Every event but the readings of signals, in the order of the journal."""
    said = _asked(events)
    return [_row(plan, e, e.at, go, said) for e in events if e.type not in NOT_IN_TIMELINE]


def moments(plan: Plan, events: Sequence[Event], impact: dict[str, Any] | None, go: Ms | None) -> list[Row]:
    """What somebody who was not there needs, each at the time it happened, not when it was noticed."""
    said = _asked(events)
    found = [(_when(e), e.seq, _row(plan, e, _when(e), go, said)) for e in events if _matters(e)]
    broken = min((e.at for e in events if e.type == "fault.requested"), default=None)
    last = events[-1].seq + 1 if events else 0
    found += [(at, last, row) for at, row in _impact(impact, broken, go)]
    return [row for _, _, row in sorted(found, key=lambda f: f[:2])]


def _asked(events: Sequence[Event]) -> dict[str, str]:
    """What each prompt wants of a person."""
    return {str(e.what.get("prompt")): str(e.what.get("expects")) for e in events if e.type == "prompt.delivered"}


def _matters(event: Event) -> bool:
    if event.type == "step.ended":
        return event.what.get("result") not in AS_HOPED
    if event.type == "alarm.changed":
        return event.what.get("state") != "INSUFFICIENT_DATA"
    return event.type in KEY


def _when(event: Event) -> Ms:
    at = event.what.get(WHEN.get(event.type, ""), event.at)
    return at if isinstance(at, int) else event.at


def _impact(impact: dict[str, Any] | None, broken: Ms | None, go: Ms | None) -> Iterator[tuple[Ms, Row]]:
    """When customers felt it; a bucket that was cut by the fault's request began to be bad after it."""
    if impact is None:
        return
    words = {
        "first": "Customers are first affected",
        "ended": "Customers are served again",
        "steady": "The service has stayed up for its whole hold",
    }
    shown = {"first": impact["evidence"][0], "ended": impact["evidence"][1], "steady": impact["evidence"][1]}
    for key, text in words.items():
        if impact[key] is not None:
            at = max(from_iso(impact[key]), broken or 0)
            more = f"{text} (give or take {impact['resolution_s']:g} s)"
            yield at, _told(at, go, "service", "", more, shown[key])


def _row(plan: Plan, event: Event, at: Ms, go: Ms | None, asked: dict[str, str]) -> Row:
    kind = KINDS.get(event.type.partition(".")[0], "the day")
    return _told(at, go, kind, event.who, _text(plan, event, asked), f"event:{event.seq}")


def _told(at: Ms, go: Ms | None, kind: str, who: str, text: str, evidence: str) -> Row:
    return {"at": iso(at), "offset": Safe(offset(at, go)), "kind": kind, "who": who, "says": text, "evidence": evidence}


def _text(plan: Plan, event: Event, asked: dict[str, str]) -> str:
    """An event in words, with the plan's own words for what it names."""
    what, step = event.what, next((s for s in plan.steps if s.id == event.what.get("step")), None)
    if event.type == "prompt.acknowledged":
        verb = REACTIONS.get(asked.get(str(what.get("prompt")), ""), "reacted")
        return f"{what.get('role') or event.who} {verb}: {step.title if step else what.get('step')}"
    more = ""
    if step is not None and event.type == "fault.requested":
        more = step.title
    if step is not None and event.type.startswith("task."):
        book = next((r for r in plan.runbooks if r.id == step.runbook), None)
        more = next((i.says for i in book.steps if i.number == what.get("number")), "") if book else ""
    if event.type == "step.ended" and what.get("why"):
        more = str(what["why"])
    return f"{says(event)}: {more}" if more else says(event)
