"""What the journal says of a run, as the verdict needs it: derived from the events alone, apart from the conductor's
own fold, so that a mistake in one does not hide in the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from gameday.clock import Ms
from gameday.errors import DamagedRun, Problem
from gameday.journal.events import CONDUCTOR, Event
from gameday.verdict.edges import Graph, graph_seen
from gameday.verdict.injected import Injected, change
from gameday.verdict.integrity import reconciled
from gameday.verdict.shape import check, instant, number

STOPPING = frozenset({"abort.asked", "guard.fired", "guard.unreadable"})
STAFF = frozenset({CONDUCTOR, "facilitator", "safety-officer", "scribe", "evaluator"})  # who knows what will break
ASKS = frozenset({"acknowledge", "answer", "perform"})
Mark = tuple[Ms, int]  # when something happened, and the number of the event that says so


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
    marked: dict[str, list[Mark]] = field(default_factory=dict)  # what people said has happened, by its word
    paged: dict[str, Mark] = field(default_factory=dict)  # by prompt, its first delivery
    answered: dict[str, Mark] = field(default_factory=dict)  # by prompt
    disturbed: list[tuple[Ms, Ms]] = field(default_factory=list)
    skipped: set[str] = field(default_factory=set)  # steps that a person passed over
    ledger_damaged: bool = False  # something of it could not be read, so nobody knows whether all is undone
    left_behind: set[str] = field(default_factory=set)  # what is no fault and is still there: the dead-man's alarm
    lag_ms: Ms = 0
    clock_off_ms: Ms = 0  # that of this machine from that of AWS, as preflight measured it
    clock_steps: int = 0
    failed_reads: int = 0
    graphs: dict[str, Graph] = field(default_factory=dict)
    looks: dict[str, list[tuple[Ms, Ms]]] = field(default_factory=dict)
    tells_looks: bool = False
    look_ms: Ms | None = None
    series: dict[str, dict[Ms, float | None]] = field(default_factory=dict)
    # by resource, as it is judged: at recovery, else at the end
    ledgers: dict[str, Event] = field(default_factory=dict)
    ledgers_unread: set[str] = field(default_factory=set)  # at recovery
    ledgers_at_end: dict[str, Event] = field(default_factory=dict)  # as it was at the end, where recovery is judged
    unsafe_from: Ms | None = None  # it ended, and something was not seen gone
    unsafe_until: Ms | None = None  # seen gone later; None: it is not, or it never was unsafe
    absences: list[tuple[Ms, Ms]] = field(default_factory=list)  # nobody conducted
    newest_ms: Ms = 0

    @property
    def t0(self) -> Ms | None:
        """D2: the first fault verified effective; else the first one that nobody could see, from when it was taken."""
        seen = [f.t0_ms for f in self.faults.values() if f.t0_ms is not None]
        unwitnessed = [f.accepted_ms for f in self.faults.values() if f.accepted_ms is not None and not f.not_effective]
        return min(seen, default=min(unwitnessed, default=None))

    @property
    def unseen(self) -> bool:
        """Whether something may be there that nobody has seen gone."""
        return self.ledger_damaged or bool(self.left_behind) or any(fault.unseen for fault in self.faults.values())

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
    check(event)
    if event.type not in ("conductor.claimed", "command.refused"):
        facts.last_ms = event.at
    if event.type in STOPPING and facts.stopped_by is None:
        facts.stopped_by = event
    if handler := _HANDLERS.get(event.type):
        handler(facts, event)
    if event.type.startswith(("fault.", "undo.")):
        change(facts.faults, event)
    if event.type in ("undo.failed", "undo.done") and event.what.get("step") not in facts.faults:
        _no_fault(facts, event)
    if event.type == "fault.requested" and facts.first_effect is None:
        facts.first_effect = event.seq
    if facts.ended_status is not None:
        _ended_safe(facts, event.at)
    facts.newest_ms = event.at


def _no_fault(facts: Facts, event: Event) -> None:
    """Undo of what is no step's fault: the ledger itself, the step ""; else something of ours beside the faults."""
    step = str(event.what.get("step") or "")
    if event.type == "undo.done":
        facts.left_behind.discard(step)
    elif step:
        facts.left_behind.add(step)
    else:
        facts.ledger_damaged = True


def _ended_safe(facts: Facts, at: Ms) -> None:
    """Since its end: whether something was left, and when it was seen gone after all."""
    if facts.unseen:
        facts.unsafe_from, facts.unsafe_until = facts.unsafe_from or at, None
    elif facts.unsafe_from is not None and facts.unsafe_until is None:
        facts.unsafe_until = at


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


def _skip_asked(facts: Facts, event: Event) -> None:
    facts.skipped.add(event.what["step"])


def _done(facts: Facts, event: Event) -> None:
    facts.responses.append((event.at, event.seq))
    facts.mitigations.append((event.at, event.seq))


def _called(facts: Facts, event: Event) -> None:
    facts.mitigations.append((event.at, event.seq))


def _delivered(facts: Facts, event: Event) -> None:
    if event.what.get("expects") in ASKS:
        facts.pages.append((event.at, event.seq))
        facts.paged.setdefault(str(event.what.get("prompt")), (event.at, event.seq))


def _noted(facts: Facts, event: Event) -> None:
    """A note that marks something is of whoever saw it happen, and the staff may write it for a player; a plain note
    of the staff, who know what will break, shows no detection."""
    marks = event.what.get("marks")
    if isinstance(marks, str):
        facts.marked.setdefault(marks, []).append((event.at, event.seq))
    if event.who not in STAFF or marks == "detected":
        facts.noticed.append((event.at, event.seq))
    if isinstance(touches := event.what.get("touches"), str):
        facts.touched.append((event.at, event.seq, touches, str(event.what.get("text") or "")))


def _touched(facts: Facts, event: Event) -> None:
    facts.touched.append((event.at, event.seq, str(event.what["kind"]), str(event.what.get("why") or "")))


def _acknowledged(facts: Facts, event: Event) -> None:
    if event.who != CONDUCTOR or event.what.get("role"):
        facts.acknowledged.append((event.at, event.seq))
        facts.answered.setdefault(str(event.what.get("prompt")), (event.at, event.seq))
        facts.noticed.append((event.at, event.seq))


def _alarm(facts: Facts, event: Event) -> None:
    if event.what["state"] == "ALARM" and facts.ended_status is None:
        facts.alarms.append((event.what["since_ms"], event.seq, event.what["signal"]))


def _disturbed(facts: Facts, event: Event) -> None:
    what = event.what
    if what["to_ms"] > what["from_ms"]:
        facts.disturbed.append((what["from_ms"], what["to_ms"]))
    facts.lag_ms = max(facts.lag_ms, what.get("lag_ms", 0))


def _clock(facts: Facts, _event: Event) -> None:
    facts.clock_steps += 1


def _preflight(facts: Facts, event: Event) -> None:
    """A clock that is off that of AWS widens every interval, as a machine that lags does (D8)."""
    facts.clock_off_ms = max(facts.clock_off_ms, abs(event.what.get("clock_off_ms") or 0))
    facts.lag_ms = max(facts.lag_ms, facts.clock_off_ms)


def _claimed(facts: Facts, event: Event) -> None:
    if event.seq > 1 and event.at > facts.newest_ms:
        facts.absences.append((facts.newest_ms, event.at))


def _resumed(facts: Facts, _event: Event) -> None:
    """The ledger is read once more, and says again what is wrong with it."""
    facts.ledger_damaged = False
    facts.left_behind.clear()


def _failed_read(facts: Facts, event: Event) -> None:
    """A source that was asked and did not answer: what it would have said is unknown, not out of sight."""
    if facts.ended_status is not None:
        return  # it was looked at to see a leftover gone; the window of the verdict had closed
    facts.failed_reads += 1
    facts.look_ms = event.at
    for signal in event.what.get("signals") or ():
        facts.looks.setdefault(signal, []).append((event.at, event.at))


def _sampled(facts: Facts, event: Event) -> None:
    if facts.ended_status is not None:
        return
    facts.look_ms = event.at
    for signal, until in event.what.get("read_to_ms", {}).items():
        facts.tells_looks = True
        facts.looks.setdefault(signal, []).append((event.at, instant(until)))
    for signal, points in event.what["values"].items():
        known = facts.series.setdefault(signal, {})
        for start, value in points:
            if value is not None or start not in known:  # a missing datapoint never replaces a known value
                known[instant(start)] = number(value)


def _reconciled(facts: Facts, event: Event) -> None:
    reconciled(event.what)  # it must hold what the verdict needs
    name = str(event.what["ledger"])
    held = facts.ledgers.get(name)
    if event.what.get("moment") != "recovery" and held and held.what.get("moment") == "recovery":
        facts.ledgers_at_end[name] = event
    else:
        facts.ledgers[name] = event


def _unread(facts: Facts, event: Event) -> None:
    """What was not there at recovery cannot be learned at the end, when all of it may have come."""
    if event.what.get("moment") == "recovery":
        facts.ledgers_unread.add(str(event.what["ledger"]))


def _graph(facts: Facts, event: Event) -> None:
    name, graph = graph_seen(event)
    facts.graphs[name] = graph


def _run_ended(facts: Facts, event: Event) -> None:
    facts.ended_status = event.what["status"]


_HANDLERS: dict[str, Handler] = {
    "run.opened": _opened,
    "conductor.claimed": _claimed,
    "run.resumed": _resumed,
    "plan.registered": _registered,
    "timeline.started": _timeline,
    "step.started": _step_started,
    "step.ended": _step_ended,
    "step.skip_asked": _skip_asked,
    "task.step_done": _done,
    "task.step_called": _called,
    "prompt.delivered": _delivered,
    "note": _noted,
    "service.touched": _touched,
    "prompt.acknowledged": _acknowledged,
    "alarm.changed": _alarm,
    "rehearsal.disturbed": _disturbed,
    "clock.stepped": _clock,
    "preflight.done": _preflight,
    "observer.failed": _failed_read,
    "signals.sampled": _sampled,
    "ledger.reconciled": _reconciled,
    "ledger.unread": _unread,
    "graph.seen": _graph,
    "run.ended": _run_ended,
}
