"""What the journal says of a run, as the verdict needs it: derived from the events alone, apart from the conductor's
own fold, so that a mistake in one does not hide in the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from gameday.clock import Ms
from gameday.errors import DamagedRun, Problem
from gameday.journal.events import CONDUCTOR, Event

STOPPING = frozenset({"abort.asked", "guard.fired", "guard.unreadable"})
STAFF = frozenset({CONDUCTOR, "facilitator", "safety-officer", "scribe", "evaluator"})  # who knows what will break
ASKS = frozenset({"acknowledge", "answer", "perform"})
WORDS = frozenset({"step", "result", "signal", "state", "kind", "run", "environment"})
NEEDED = frozenset({"t_go_ms", "t0_ms", "since_ms", "from_ms", "to_ms"})
LATEST_MS = 253_402_300_800_000  # the year 10000, from which on no time can be written
Mark = tuple[Ms, int]  # when something happened, and the number of the event that says so


@dataclass
class Injected:
    """One fault: when each thing was seen of it. ``seqs`` has the number of the first event of each type."""

    step: str
    requested_ms: Ms
    accepted_ms: Ms | None = None
    t0_ms: Ms | None = None
    bucket_ms: Ms | None = None
    effective_ms: Ms | None = None
    witness: str | None = None
    not_effective: bool = False
    witness_read: bool = False
    values: tuple[float | None, ...] = ()
    stop_ms: Ms | None = None
    ended_ms: Ms | None = None
    gone_ms: Ms | None = None
    gone_witness: str | None = None
    undone: bool = False
    undo_failed: bool = False
    seqs: dict[str, int] = field(default_factory=dict)

    @property
    def started(self) -> bool:
        """Whether the provider took it, or its effect was seen."""
        return self.accepted_ms is not None or self.t0_ms is not None

    @property
    def unseen(self) -> bool:
        """Whether nobody has seen it gone; a request that was never answered counts until it is undone."""
        if self.undo_failed:
            return True
        return self.gone_ms is None and (self.started or not self.undone)


@dataclass(frozen=True)
class Ended:
    """How a step of the timeline ended."""

    result: str
    at: Ms
    seq: int
    after_ms: Ms | None
    why: str | None


@dataclass
class Facts:
    """The run, folded."""

    run: str = ""
    environment: str = ""
    speed: float = 1.0
    t_go: Ms | None = None
    last_ms: Ms | None = None
    ended_status: str | None = None
    stopped_by: Event | None = None
    digests: list[tuple[int, str]] = field(default_factory=list)
    plan_hashes: list[str] = field(default_factory=list)
    faults: dict[str, Injected] = field(default_factory=dict)
    first_effect: int | None = None
    started: dict[str, Ms] = field(default_factory=dict)
    steps: dict[str, Ended] = field(default_factory=dict)
    responses: list[Mark] = field(default_factory=list)
    mitigations: list[Mark] = field(default_factory=list)
    alarms: list[tuple[Ms, int, str]] = field(default_factory=list)
    pages: list[Mark] = field(default_factory=list)
    acknowledged: list[Mark] = field(default_factory=list)
    noticed: list[Mark] = field(default_factory=list)
    touched: list[tuple[Ms, int, str, str]] = field(default_factory=list)
    disturbed: list[tuple[Ms, Ms]] = field(default_factory=list)
    lag_ms: Ms = 0
    clock_steps: int = 0
    failed_reads: int = 0
    looks: dict[str, list[tuple[Ms, Ms]]] = field(default_factory=dict)
    tells_looks: bool = False
    look_ms: Ms | None = None
    series: dict[str, dict[Ms, float | None]] = field(default_factory=dict)

    @property
    def t0(self) -> Ms | None:
        """D2: the first fault verified effective; else the first one that nobody could see, from when it was taken."""
        seen = [f.t0_ms for f in self.faults.values() if f.t0_ms is not None]
        unwitnessed = [f.accepted_ms for f in self.faults.values() if f.accepted_ms is not None and not f.not_effective]
        return min(seen, default=min(unwitnessed, default=None))

    @property
    def requested_ms(self) -> Ms | None:
        """When the first fault was asked for: the baseline ends there."""
        return min((f.requested_ms for f in self.faults.values()), default=None)


Handler = Callable[[Facts, Event], None]


def gather(events: Iterable[Event]) -> Facts:
    """The facts in these events; types that are not known change nothing. DamagedRun (EVENT_MALFORMED) when one lacks
    what its type must hold."""
    facts = Facts()
    for event in events:
        try:
            _take(facts, event)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            what = f"event {event.seq} ({event.type}) does not hold what its type must hold"
            write = "restore journal.jsonl from a copy; this one was not written by gameday, or by a newer one"
            raise DamagedRun(Problem("EVENT_MALFORMED", what, write)) from error
    return facts


def _take(facts: Facts, event: Event) -> None:
    if not isinstance(event.what, dict) or not isinstance(event.type, str) or not isinstance(event.who, str):
        raise TypeError("an event's what is a mapping, its type and who are words")
    for key, value in event.what.items():
        if key in WORDS and not isinstance(value, str):
            raise TypeError(f"{key} is a word")
        absent = value is None and key not in NEEDED
        if key.endswith("_ms") and key != "read_to_ms" and not (absent or _is_time(value)):
            raise ValueError(f"{key} is no time in milliseconds")
    if event.type not in ("conductor.claimed", "command.refused"):
        facts.last_ms = event.at
    if event.type in STOPPING and facts.stopped_by is None:
        facts.stopped_by = event
    if handler := _HANDLERS.get(event.type):
        handler(facts, event)
    if event.type.startswith(("fault.", "undo.")):
        _fault(facts, event)


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LATEST_MS


def _fault(facts: Facts, event: Event) -> None:
    step = str(event.what.get("step", ""))
    if event.type == "fault.requested":
        facts.faults.setdefault(step, Injected(step, event.at))
        facts.first_effect = event.seq if facts.first_effect is None else facts.first_effect
    fault = facts.faults.get(step)
    if fault is not None:
        fault.seqs.setdefault(event.type, event.seq)
        if change := _CHANGES.get(event.type):
            change(fault, event)


def _accepted(fault: Injected, event: Event) -> None:
    fault.accepted_ms = event.at if fault.accepted_ms is None else fault.accepted_ms


def _effective(fault: Injected, event: Event) -> None:
    if fault.t0_ms is None:
        what = event.what
        fault.t0_ms, fault.effective_ms, fault.bucket_ms = what["t0_ms"], event.at, what.get("bucket_ms")
        fault.witness, fault.not_effective = str(what.get("witness") or ""), False


def _not_effective(fault: Injected, event: Event) -> None:
    if fault.t0_ms is None:
        fault.not_effective, fault.witness_read = bool(event.what.get("read")), bool(event.what.get("read"))
        fault.witness, fault.values = str(event.what.get("witness") or ""), tuple(event.what.get("values") or ())


def _stop(fault: Injected, event: Event) -> None:
    fault.stop_ms = event.at if fault.stop_ms is None else fault.stop_ms


def _ended(fault: Injected, event: Event) -> None:
    fault.ended_ms = event.at if fault.ended_ms is None else fault.ended_ms


def _gone(fault: Injected, event: Event) -> None:
    fault.gone_ms, fault.gone_witness = event.at, str(event.what.get("witness") or "")


def _undone(fault: Injected, _event: Event) -> None:
    fault.undone, fault.undo_failed = True, False


def _undo_failed(fault: Injected, _event: Event) -> None:
    fault.undo_failed = True


_CHANGES: dict[str, Callable[[Injected, Event], None]] = {
    "fault.accepted": _accepted,
    "fault.effective": _effective,
    "fault.not_effective": _not_effective,
    "fault.stop_requested": _stop,
    "fault.ended": _ended,
    "fault.gone": _gone,
    "undo.done": _undone,
    "undo.failed": _undo_failed,
}


def _opened(facts: Facts, event: Event) -> None:
    facts.run, facts.environment = str(event.what["run"]), str(event.what["environment"])
    facts.speed = float(event.what["speed"])


def _registered(facts: Facts, event: Event) -> None:
    facts.digests.append((event.seq, str(event.what["digest"])))
    if "sha256" in event.what:
        facts.plan_hashes.append(str(event.what["sha256"]).removeprefix("sha256:"))


def _timeline(facts: Facts, event: Event) -> None:
    facts.t_go = event.what["t_go_ms"]


def _step_started(facts: Facts, event: Event) -> None:
    facts.started.setdefault(event.what["step"], event.at)


def _step_ended(facts: Facts, event: Event) -> None:
    what = event.what
    facts.steps[what["step"]] = Ended(what["result"], event.at, event.seq, what.get("after_ms"), what.get("why"))


def _done(facts: Facts, event: Event) -> None:
    facts.responses.append((event.at, event.seq))
    facts.mitigations.append((event.at, event.seq))


def _called(facts: Facts, event: Event) -> None:
    facts.mitigations.append((event.at, event.seq))


def _delivered(facts: Facts, event: Event) -> None:
    if event.what.get("expects") in ASKS:
        facts.pages.append((event.at, event.seq))


def _noted(facts: Facts, event: Event) -> None:
    if event.who not in STAFF:
        facts.noticed.append((event.at, event.seq))


def _touched(facts: Facts, event: Event) -> None:
    facts.touched.append((event.at, event.seq, str(event.what["kind"]), str(event.what.get("why") or "")))


def _acknowledged(facts: Facts, event: Event) -> None:
    if event.who != CONDUCTOR or event.what.get("role"):
        facts.acknowledged.append((event.at, event.seq))
        facts.noticed.append((event.at, event.seq))


def _alarm(facts: Facts, event: Event) -> None:
    if event.what["state"] == "ALARM":
        facts.alarms.append((event.what["since_ms"], event.seq, event.what["signal"]))


def _disturbed(facts: Facts, event: Event) -> None:
    what = event.what
    if what["to_ms"] > what["from_ms"]:
        facts.disturbed.append((what["from_ms"], what["to_ms"]))
    facts.lag_ms = max(facts.lag_ms, what.get("lag_ms", 0))


def _clock(facts: Facts, _event: Event) -> None:
    facts.clock_steps += 1


def _failed_read(facts: Facts, event: Event) -> None:
    """A source that was asked and did not answer: what it would have said is unknown, not out of sight."""
    facts.failed_reads += 1
    facts.look_ms = event.at
    for signal in event.what.get("signals") or ():
        facts.looks.setdefault(signal, []).append((event.at, event.at))


def _sampled(facts: Facts, event: Event) -> None:
    facts.look_ms = event.at
    for signal, until in event.what.get("read_to_ms", {}).items():
        facts.tells_looks = True
        facts.looks.setdefault(signal, []).append((event.at, _start(until)))
    for signal, points in event.what["values"].items():
        known = facts.series.setdefault(signal, {})
        for start, value in points:
            if value is not None or start not in known:  # a missing datapoint never replaces a known value
                known[_start(start)] = _value(value)


def _start(start: object) -> Ms:
    if not isinstance(start, int) or not _is_time(start):
        raise ValueError("a bucket starts at a time in milliseconds")
    return start


def _value(value: Any) -> float | None:
    """A number, or None: unknown. An alarm's word is no number, and no tolerance is measured by one."""
    if value is None or isinstance(value, str):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < float("inf"):
        raise ValueError("a datapoint is a number or nothing")
    return float(value)


def _run_ended(facts: Facts, event: Event) -> None:
    facts.ended_status = event.what["status"]


_HANDLERS: dict[str, Handler] = {
    "run.opened": _opened,
    "plan.registered": _registered,
    "timeline.started": _timeline,
    "step.started": _step_started,
    "step.ended": _step_ended,
    "task.step_done": _done,
    "task.step_called": _called,
    "prompt.delivered": _delivered,
    "note": _noted,
    "service.touched": _touched,
    "prompt.acknowledged": _acknowledged,
    "alarm.changed": _alarm,
    "rehearsal.disturbed": _disturbed,
    "clock.stepped": _clock,
    "observer.failed": _failed_read,
    "signals.sampled": _sampled,
    "run.ended": _run_ended,
}
