"""Events in plain words, with the titles of the plan: one short line for each that is worth telling, None for the rest.

Everything that a user or AWS wrote is made one line without control characters before it comes near a terminal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from gameday.clock import Ms
from gameday.journal.events import CONDUCTOR, Event
from gameday.plan import Plan
from gameday.reports.escape import plain
from gameday.reports.words import clock

Tone = Literal["", "good", "warn", "bad"]
LONGEST = 300
REPEAT_AFTER_MS = 60_000


@dataclass(frozen=True)
class Told:
    """A line: the part of the run it is about, what happened, and how it should strike the reader."""

    kind: str
    text: str
    tone: Tone = ""


@dataclass
class Repeats:
    """Which events say again what was just said: a source that stays unreadable is told once a scenario minute."""

    since: dict[str, Ms] = field(default_factory=dict)

    def again(self, event: Event) -> bool:
        """Whether this one is not worth a line."""
        if event.type != "observer.failed":
            return False
        key = f"{event.what.get('source')}: {event.what.get('error')}"
        before = self.since.get(key)
        if before is not None and event.at - before < REPEAT_AFTER_MS:
            return True
        self.since[key] = event.at
        return False


def short(value: object, longest: int = LONGEST) -> str:
    """One harmless line, cut with an ellipsis."""
    text = plain(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def title(plan: Plan, step: object) -> str:
    """The title of a step; its id when the plan has no such step or no title."""
    found = next((s for s in plan.steps if s.id == step), None)
    return short(found.title if found and found.title else step, 80)


def number(value: object) -> str:
    """A value as people read it; nobody knows what None is."""
    return f"{value:,g}" if isinstance(value, int | float) else "no value"


class _Facts(dict[str, Any]):
    """The facts of an event as harmless text; one that is absent says so."""

    def __missing__(self, key: str) -> str:
        return "(not recorded)"


def _facts(event: Event, plan: Plan) -> _Facts:
    facts = _Facts({key: short(_joined(value)) for key, value in event.what.items() if value is not None})
    if "step" in event.what:
        facts["title"] = title(plan, event.what["step"])
    author = event.what.get("role") if event.who == CONDUCTOR else event.who
    facts["by"] = f", by {short(author, 60)}" if author else ""
    facts["author"] = short(event.who, 60)
    facts["said"] = f": {short(event.what['text'])}" if event.what.get("text") else ""
    facts["because"] = f": {short(event.what['why'])}" if event.what.get("why") else ""
    return facts


def _joined(value: object) -> object:
    return ", ".join(str(v) for v in value) if isinstance(value, list | tuple) else value


_TEMPLATES: dict[str, tuple[str, str, Tone]] = {
    "run.opened": ("RUN", "{run} opened", ""),
    "go": ("RUN", "go{by}: {on}", ""),
    "timeline.started": ("RUN", "the timeline starts", ""),
    "step.started": ("STEP", "{title}: begins", ""),
    "fault.requested": ("FAULT", "{title}: requested", "warn"),
    "fault.accepted": ("FAULT", "{title}: started, effect not seen yet", "warn"),
    "fault.stop_requested": ("FAULT", "{title}: being taken back{because}", "warn"),
    "fault.ended": ("FAULT", "{title}: its provider says {status}; not seen gone yet", "warn"),
    "fault.gone": ("FAULT", "{title}: GONE, seen by {witness}", "good"),
    "fault.not_gone": ("FAULT", "{title}: NOT SEEN GONE; look at {resources}", "bad"),
    "prompt.paged": ("PROMPT", "page to {to} by {channel}: {receipt}", ""),
    "prompt.unpaged": ("PROMPT", "the page to {to} by {channel} was NOT delivered: {error}", "bad"),
    "prompt.acknowledged": ("PROMPT", "{prompt} answered{by}{said}", "good"),
    "task.step_done": ("TASK", "{title}: step {number} done{by}", "good"),
    "task.step_skipped": ("TASK", "{title}: step {number} left out{because}", "warn"),
    "task.step_wrong": ("TASK", "{title}: step {number} is WRONG, says {author}: {text}", "bad"),
    "task.step_missing": ("TASK", "{title}: after step {number} one is MISSING, says {author}: {text}", "bad"),
    "step.fire_asked": ("STEP", "{title}: begun by hand{by}", "warn"),
    "step.delay_asked": ("STEP", "{title}: delayed by {by_ms} ms{by}", "warn"),
    "step.scored": ("SCORE", "{title}: {score}{by}", ""),
    "branch.taken": ("STEP", "{title}: {score}, goes on to {leads_to}", ""),
    "access.expired": ("PEOPLE", "the access of {role} has expired", "warn"),
    "access.restored": ("PEOPLE", "the access of {role} is restored{because}", "good"),
    "channel.down": ("PEOPLE", "the channel {channel} is down", "warn"),
    "channel.up": ("PEOPLE", "the channel {channel} is up again", "good"),
    "role.unavailable": ("PEOPLE", "{role} is unavailable", "warn"),
    "role.available": ("PEOPLE", "{role} is available again", ""),
    "observer.failed": ("DATA", "{source} could not be read: {error}", "warn"),
    "clock.stepped": ("DATA", "a clock stepped by {by_ms} ms", "warn"),
    "guard.fired": ("GUARD", "{guard} FIRED at {value}", "bad"),
    "guard.unreadable": ("GUARD", "{guard} COULD NOT BE READ and fires", "bad"),
    "hold.started": ("HOLD", "the timeline waits{by}{because}; faults stay active", "warn"),
    "hold.ended": ("HOLD", "the timeline goes on{by}", ""),
    "step.skip_asked": ("STEP", "{title}: skip asked{by}", "warn"),
    "abort.asked": ("ABORT", "abort asked{by}{because}", "bad"),
    "emergency.asked": ("EMERGENCY", "EMERGENCY asked{by}{because}: the FIS safety lever as well", "bad"),
    "lever.engaged": (
        "EMERGENCY",
        "the FIS safety lever of {place} is ENGAGED: no experiment runs or begins there "
        "until a person releases it (gameday emergency --release)",
        "bad",
    ),
    "lever.failed": ("EMERGENCY", "the FIS safety lever of {place} is NOT engaged: {error} (failure {count})", "bad"),
    "fault.stop_failed": ("FAULT", "{title}: could NOT be stopped yet: {error} (failure {count})", "bad"),
    "note": ("NOTE", "{author}: {text}", ""),
    "command.refused": ("REFUSED", "{kind}{by}{because}", "warn"),
    "service.touched": ("DATA", "CONFOUNDED: something else touched the service ({kind}){because}", "warn"),
    "run.resumed": ("RUN", "another conductor goes on; what was missed is being read{because}", "warn"),
    "run.reopened": ("RUN", "restored once more{because}", "warn"),
    "undo.started": ("UNDO", "taking everything back{because}", "warn"),
    "undo.done": ("UNDO", "{title}: stopped and cleaned up at its provider", ""),
    "undo.failed": ("UNDO", "{title}: FAILED: {error}; look at {resources}", "bad"),
}
_PHASES = {
    "preflight": "preflight: looks, touches nothing",
    "baseline": "baseline: how things are without a fault",
    "execute": "execute: the timeline runs",
    "restore": "restore: taking faults back",
    "verify": "verify: was it gone, is service steady?",
    "ended": "ended",
}
_RESULTS: dict[str, Tone] = {
    "done": "good", "met": "good", "missed": "bad", "failed": "bad", "expired": "warn", "skipped": "warn",
    "withdrawn": "warn", "unknown": "warn",
}  # fmt: skip
_ASKS = {"acknowledge": "acknowledge", "answer": "answer", "perform": "do and tick", "none": "for information"}


def asks(expects: str, says: str, number: int | None) -> str:
    """What a prompt wants of a person, for example ``acknowledge: The supervisor is on the phone``."""
    text = short(says)
    said = text if number is None or text.startswith(f"{number}.") else f"{number}. {text}"
    return f"{_ASKS.get(expects, short(expects))}: {said}"


def _phase(event: Event, _plan: Plan) -> Told:
    phase = str(event.what["phase"])
    return Told("PHASE", _PHASES.get(phase, short(phase)))


def _claimed(event: Event, _plan: Plan) -> Told | None:
    return None if event.epoch <= 1 else Told("RUN", f"another conductor took the run (epoch {event.epoch})", "warn")


def _step_ended(event: Event, plan: Plan) -> Told:
    what, result = event.what, str(event.what["result"])
    after = what.get("after_ms")
    took = "" if after is None else f" after {clock(after // 1000)}"
    why = f" ({short(what['why'])})" if what.get("why") else ""
    return Told("STEP", f"{title(plan, what['step'])}: {short(result)}{took}{why}", _RESULTS.get(result, ""))


def _targets(event: Event, plan: Plan) -> Told:
    found = [arn for arns in event.what["targets"].values() for arn in arns]
    return Told("FAULT", f"{title(plan, event.what['step'])}: {len(found)} target(s): {short(', '.join(found))}")


def _effective(event: Event, plan: Plan) -> Told:
    what, name = event.what, title(plan, event.what["step"])
    value = f" ({number(what['value'])})" if what.get("value") is not None else ""
    return Told("FAULT", f"{name}: ACTIVE, effect seen by {short(what.get('witness'))}{value}", "bad")


def _not_effective(event: Event, plan: Plan) -> Told:
    what, name = event.what, title(plan, event.what["step"])
    if what.get("read"):
        return Told("FAULT", f"{name}: NO EFFECT seen by {short(what.get('witness'))} in time", "bad")
    return Told("FAULT", f"{name}: NOBODY KNOWS whether it has an effect; its witness could not be read", "bad")


def _delivered(event: Event, _plan: Plan) -> Told:
    what = event.what
    asked = asks(str(what["expects"]), str(what["says"]), what.get("number"))
    return Told("PROMPT", f"{short(what['prompt'])} to {short(what['to'], 60)}: {asked}", "warn")


def _called(event: Event, plan: Plan) -> Told:
    what, name = event.what, title(plan, event.what["step"])
    done = "its call was made" if what["ok"] else "its call FAILED"
    said = f": {short(what['said'])}" if what.get("said") else ""
    return Told("TASK", f"{name}: step {what['number']}, {done}{said}", "" if what["ok"] else "bad")


def _checked(event: Event, plan: Plan) -> Told:
    what, name = event.what, title(plan, event.what["step"])
    found = "its check holds" if what["ok"] else "its check does NOT hold"
    said = f": {short(what['said'])}" if what.get("said") else ""
    return Told("TASK", f"{name}: step {what['number']}, {found}{said}", "good" if what["ok"] else "warn")


def _alarm(event: Event, _plan: Plan) -> Told:
    state = str(event.what["state"])
    tone: Tone = "bad" if state == "ALARM" else "warn" if state != "OK" else ""
    return Told("ALARM", f"{short(event.what['signal'])}: {short(state)}", tone)


def _disturbed(event: Event, _plan: Plan) -> Told | None:
    what = event.what
    if what["to_ms"] <= what["from_ms"]:
        return None  # only the lag was measured again
    long = clock(-(-(what["to_ms"] - what["from_ms"]) // 1000))
    return Told("DATA", f"this machine was too slow for {long}; datapoints of that time count as unknown", "warn")


def _ended(event: Event, _plan: Plan) -> Told:
    status = str(event.what["status"])
    why = f": {short(event.what['why'])}" if event.what.get("why") else ""
    return Told("RUN", f"{short(status)}{why}", "good" if status == "completed" else "bad")


_SPECIAL: dict[str, Callable[[Event, Plan], Told | None]] = {
    "phase.entered": _phase, "conductor.claimed": _claimed, "step.ended": _step_ended, "fault.targets": _targets,
    "fault.effective": _effective, "fault.not_effective": _not_effective, "prompt.delivered": _delivered,
    "task.step_called": _called, "task.step_checked": _checked, "alarm.changed": _alarm,
    "rehearsal.disturbed": _disturbed, "run.ended": _ended,
}  # fmt: skip


def tell(event: Event, plan: Plan) -> Told | None:
    """The line for this event; None for samples and what only a machine reads."""
    if special := _SPECIAL.get(event.type):
        return special(event, plan)
    if event.type not in _TEMPLATES:
        return None
    kind, template, tone = _TEMPLATES[event.type]
    return Told(kind, template.format_map(_facts(event, plan)), tone)
