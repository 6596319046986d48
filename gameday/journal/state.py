"""The state of a run: the fold of its journal. Pure; with plan and clock it is all that ``decide`` looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from gameday.clock import Ms
from gameday.journal.asked import PromptState
from gameday.journal.events import Event
from gameday.journal.injected import CHANGES, FaultState
from gameday.journal.played import CHANGES as PLAYED
from gameday.journal.played import Played


@dataclass
class StepState:
    """Where one step of the timeline stands; ``status`` is pending, running or ended."""

    status: str = "pending"
    started_ms: Ms | None = None
    ended_ms: Ms | None = None
    result: str | None = None
    why: str | None = None


@dataclass
class State:
    """Everything that is known of a run. Build it with :func:`fold`, go on with :meth:`apply`."""

    run: str | None = None
    environment: str | None = None
    speed: float = 1.0
    service: str | None = None
    scenario: str | None = None
    digest: str | None = None
    phase: str | None = None
    phase_ms: dict[str, Ms] = field(default_factory=dict)
    t_go: Ms | None = None
    go_by: str | None = None
    t0: Ms | None = None
    epoch: int = 0
    seq: int = 0
    claimed_ms: Ms = 0  # since when the present conductor can have seen anything
    last_ms: Ms = 0  # of the newest event
    absences: list[tuple[Ms, Ms]] = field(default_factory=list)  # nobody conducted: from the last event to the claim
    behind: set[str] = field(default_factory=set)  # signals of which nobody has yet read what was missed meanwhile
    ended_status: str | None = None
    held_since: Ms | None = None
    held_ms: Ms = 0
    holds: list[tuple[Ms, Ms]] = field(default_factory=list)
    abort: str | None = None
    emergency: str | None = None
    emergency_ms: Ms = 0
    levers: set[str] = field(default_factory=set)  # account and Region of each that was seen engaged
    steps: dict[str, StepState] = field(default_factory=dict)
    faults: dict[str, FaultState] = field(default_factory=dict)
    prompts: dict[str, PromptState] = field(default_factory=dict)
    tasks: dict[str, dict[int, Ms]] = field(default_factory=dict)
    called: dict[tuple[str, int], Ms] = field(default_factory=dict)
    call_failed: dict[tuple[str, int], str] = field(default_factory=dict)
    checked: dict[tuple[str, int], bool] = field(default_factory=dict)
    unavailable: dict[str, Ms] = field(default_factory=dict)
    away_since: dict[str, Ms] = field(default_factory=dict)
    signals: dict[str, dict[Ms, float | None]] = field(default_factory=dict)
    read_to: dict[str, Ms] = field(default_factory=dict)  # up to when each signal's source was asked
    alarms: dict[str, list[tuple[Ms, str]]] = field(default_factory=dict)
    disturbed: list[tuple[Ms, Ms]] = field(default_factory=list)
    lag_ms: Ms = 0
    clock_steps: list[Ms] = field(default_factory=list)
    guards_fired: list[str] = field(default_factory=list)
    ledgers: set[tuple[str, str]] = field(default_factory=set)  # looked at, and when, whatever came of it
    skips: set[str] = field(default_factory=set)
    notes: list[tuple[Ms, str, str]] = field(default_factory=list)
    commands: set[str] = field(default_factory=set)
    graphs: dict[str, list[bool]] = field(default_factory=dict)  # by window, whether each try read the service graph
    undo_failed: dict[str, dict[str, Any]] = field(default_factory=dict)
    switched_off: set[str] = field(default_factory=set)  # faults that the dead-man's alarm ended
    played: Played = field(default_factory=Played)

    def apply(self, event: Event) -> None:
        """Take one more event in. Unknown types change nothing: an old reader can fold a newer journal."""
        self.seq, self.epoch = event.seq, event.epoch
        if isinstance(command := event.what.get("command"), str):
            self.commands.add(command)
        if handler := _HANDLERS.get(event.type):
            handler(self, event)
        if change := PLAYED.get(event.type):
            change(self.played, event)
        self.last_ms = event.at

    def step(self, ident: str) -> StepState:
        """The state of a step; pending when nothing was heard of it."""
        return self.steps.get(ident) or StepState()

    def timeline_at(self, ms: Ms) -> Ms:
        """Offset from the go at this instant; it stands still while held. Negative before the go."""
        if self.t_go is None:
            return -1
        spans = [*self.holds, (self.held_since, ms)] if self.held_since is not None else self.holds
        held = sum(max(0, min(to, ms) - max(since, self.t_go)) for since, to in spans)
        return ms - self.t_go - held

    def unattended(self, since: Ms, until: Ms) -> tuple[Ms, Ms] | None:
        """The first time between these instants in which nobody conducted; None when somebody always did."""
        return next(((a, b) for a, b in self.absences if a < until and b > since), None)

    def away(self, role: str, now: Ms) -> bool:
        """Whether somebody in this role is unavailable now."""
        return self.unavailable.get(role, 0) > now


def fold(events: Iterable[Event]) -> State:
    """The state after these events."""
    state = State()
    for event in events:
        state.apply(event)
    return state


Handler = Callable[[State, Event], None]
_HANDLERS: dict[str, Handler] = {}


def _on(*types: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        _HANDLERS.update(dict.fromkeys(types, handler))
        return handler

    return register


@_on("run.opened")
def _opened(state: State, event: Event) -> None:
    what = event.what
    state.run, state.environment = what["run"], what["environment"]
    state.speed, state.service, state.scenario = float(what["speed"]), what["service"], what["scenario"]


@_on("conductor.claimed")
def _claimed(state: State, event: Event) -> None:
    if state.seq > 1 and event.at > state.last_ms:
        state.absences.append((state.last_ms, event.at))
    state.claimed_ms, state.behind = event.at, set(state.read_to)


@_on("run.reopened")
def _reopened(state: State, event: Event) -> None:
    """It had ended and left something behind: it is being restored once more, and its witnesses look from now on."""
    state.ended_status, state.phase, state.phase_ms["restore"] = None, "restore", event.at
    state.behind.clear()
    for fault in state.faults.values():
        if fault.gone_ms is None or not fault.clean:
            fault.gone_ms, fault.not_gone, fault.ended_ms = None, False, None


@_on("plan.registered")
def _registered(state: State, event: Event) -> None:
    state.digest = event.what["digest"]


@_on("go")
def _go(state: State, event: Event) -> None:
    state.go_by = event.who


@_on("phase.entered")
def _phase(state: State, event: Event) -> None:
    state.phase = event.what["phase"]
    state.phase_ms.setdefault(event.what["phase"], event.at)


@_on("timeline.started")
def _timeline(state: State, event: Event) -> None:
    state.t_go = event.what["t_go_ms"]


@_on("step.started")
def _step_started(state: State, event: Event) -> None:
    state.steps[event.what["step"]] = StepState("running", event.at)


@_on("step.ended")
def _step_ended(state: State, event: Event) -> None:
    step = state.steps.setdefault(event.what["step"], StepState())
    step.status, step.ended_ms = "ended", event.at
    step.result, step.why = event.what["result"], event.what.get("why")


@_on("fault.requested")
def _fault_requested(state: State, event: Event) -> None:
    state.faults[event.what["step"]] = FaultState(event.what["token"], event.at)


def _with_fault(change: Callable[[FaultState, Event], None]) -> Handler:
    def handler(state: State, event: Event) -> None:
        if fault := state.faults.get(event.what["step"]):
            change(fault, event)

    return handler


for _type, _change in CHANGES.items():
    _HANDLERS[_type] = _with_fault(_change)


@_on("fault.effective")
def _effective(state: State, event: Event) -> None:
    if fault := state.faults.get(event.what["step"]):
        t0 = event.what["t0_ms"]
        fault.effective_ms, fault.t0_ms, fault.witness = event.at, t0, event.what.get("witness")
        fault.witness_read = True
        state.t0 = t0 if state.t0 is None else min(state.t0, t0)


@_on("prompt.delivered")
def _delivered(state: State, event: Event) -> None:
    w = event.what
    before = state.prompts.get(w["prompt"])
    if before is not None and w.get("handed_from"):  # its limit counts from its first delivery
        before.held_by, before.to, before.handed_ms = (*before.held_by, before.to), w["to"], event.at
        return
    state.prompts[w["prompt"]] = PromptState(
        w["prompt"], w["step"], w["to"], w["expects"], w.get("number"), w["says"], event.at
    )


@_on("prompt.acknowledged")
def _acknowledged(state: State, event: Event) -> None:
    prompt = state.prompts.get(event.what["prompt"])
    if prompt and prompt.done_ms is None:
        prompt.done_ms, prompt.done_by = event.at, event.what.get("role") or event.who
        prompt.text = str(event.what.get("text") or "")


@_on("task.step_done")
def _task_done(state: State, event: Event) -> None:
    state.tasks.setdefault(event.what["step"], {})[event.what["number"]] = event.at


@_on("task.step_called")
def _task_called(state: State, event: Event) -> None:
    key = (event.what["step"], event.what["number"])
    if event.what["ok"]:
        state.called[key] = event.at
    else:
        state.call_failed[key] = str(event.what.get("said") or "no reason given")


@_on("task.step_checked")
def _task_checked(state: State, event: Event) -> None:
    state.checked[event.what["step"], event.what["number"]] = bool(event.what["ok"])


@_on("role.unavailable")
def _unavailable(state: State, event: Event) -> None:
    state.unavailable[event.what["role"]] = event.what["until_ms"]
    state.away_since[event.what["role"]] = event.at


@_on("role.available")
def _available(state: State, event: Event) -> None:
    role = event.what["role"]
    state.unavailable[role] = min(state.unavailable.get(role, event.at), event.at)


@_on("signals.sampled")
def _sampled(state: State, event: Event) -> None:
    state.read_to.update(event.what.get("read_to_ms", {}))
    state.behind.difference_update(s for s, to in event.what.get("read_to_ms", {}).items() if to >= state.claimed_ms)
    for signal, values in event.what["values"].items():
        series = state.signals.setdefault(signal, {})
        for start, value in values:
            if value is not None or start not in series:  # a missing datapoint never replaces a known value
                series[start] = value


@_on("observer.failed")
def _observer_failed(state: State, event: Event) -> None:
    state.behind.difference_update(event.what.get("signals") or ())  # it was asked: what it kept is a gap for now


@_on("alarm.changed")
def _alarm(state: State, event: Event) -> None:
    state.alarms.setdefault(event.what["signal"], []).append((event.what["since_ms"], event.what["state"]))


@_on("rehearsal.disturbed")
def _disturbed(state: State, event: Event) -> None:
    window = (event.what["from_ms"], event.what["to_ms"])
    if window[1] > window[0]:
        state.disturbed.append(window)
    state.lag_ms = max(state.lag_ms, event.what.get("lag_ms", 0))


@_on("preflight.done")
def _preflight(state: State, event: Event) -> None:
    """A clock that is off widens every interval, as a machine that lags does."""
    state.lag_ms = max(state.lag_ms, abs(event.what.get("clock_off_ms") or 0))


@_on("graph.seen", "graph.failed")
def _graph(state: State, event: Event) -> None:
    state.graphs.setdefault(event.what["window"], []).append(event.type == "graph.seen")


@_on("clock.stepped")
def _clock_stepped(state: State, event: Event) -> None:
    state.clock_steps.append(event.what["by_ms"])


@_on("guard.fired", "guard.unreadable")
def _guard(state: State, event: Event) -> None:
    state.guards_fired.append(event.what["guard"])


@_on("hold.started")
def _hold(state: State, event: Event) -> None:
    if state.held_since is None:
        state.held_since = event.at


@_on("hold.ended")
def _resume(state: State, event: Event) -> None:
    if state.held_since is not None:
        state.holds.append((state.held_since, event.at))
        since = state.held_since if state.t_go is None else max(state.held_since, state.t_go)
        state.held_ms += 0 if state.t_go is None else max(0, event.at - since)
        state.held_since = None


@_on("step.skip_asked")
def _skip(state: State, event: Event) -> None:
    state.skips.add(event.what["step"])


@_on("abort.asked")
def _abort(state: State, event: Event) -> None:
    state.abort = state.abort or event.what.get("why") or "asked"


@_on("emergency.asked")
def _emergency(state: State, event: Event) -> None:
    if state.emergency is None:
        state.emergency, state.emergency_ms = event.what.get("why") or "asked", event.at


@_on("lever.engaged")
def _lever(state: State, event: Event) -> None:
    state.levers.add(event.what["place"])


@_on("note")
def _note(state: State, event: Event) -> None:
    state.notes.append((event.at, event.who, event.what["text"]))


@_on("undo.failed")
def _undo_failed(state: State, event: Event) -> None:
    state.undo_failed[event.what["step"]] = dict(event.what)


@_on("undo.done")
def _undo_done(state: State, event: Event) -> None:
    state.undo_failed.pop(event.what["step"], None)
    if fault := state.faults.get(event.what["step"]):
        CHANGES["undo.done"](fault, event)


@_on("ledger.reconciled", "ledger.unread")
def _ledger(state: State, event: Event) -> None:
    state.ledgers.add((event.what["ledger"], event.what.get("moment", "end")))


@_on("heartbeat.fired")
def _heartbeat_fired(state: State, event: Event) -> None:
    state.switched_off.add(event.what["step"])


@_on("run.ended")
def _ended(state: State, event: Event) -> None:
    state.ended_status = event.what["status"]
