"""A conductor on a bench: a virtual clock, effects at once, and a world at our own sockets that each test programs.

The world is one service that takes 100 requests a bucket. A fault that is active fails them all, until a runbook's
call moves the traffic away. What the observer says of it may be late, lost or refused; what the provider does may go
wrong in each way that a provider can.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from gameday.clock import Ms, VirtualClock
from gameday.conductor.effects import Inline, Outcome
from gameday.conductor.ledger import Ledger, outstanding
from gameday.conductor.perform import Performer
from gameday.conductor.sampling import sources
from gameday.conductor.walk import Conductor
from gameday.journal.events import Draft, Event
from gameday.journal.inbox import drop
from gameday.journal.state import State, fold
from gameday.journal.store import Journal, read
from gameday.model.runbook import RunbookCall
from gameday.model.types import Strict
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.people.script import scripted
from gameday.plan import Cost, Plan, Signal
from gameday.protocols import Note, Observer, Order, Prompt, ProviderStatus, Sample, Trace, Window
from gameday.verdict.run import judge_run

S, MINUTE = 1_000, 60_000
START = 1_700_000_000_000 // MINUTE * MINUTE
PERIOD = 20 * S
QUIET = frozenset({"signals.sampled", "conductor.claimed", "run.opened", "plan.registered"})
TOLD = ("step", "phase", "result", "state", "to", "role", "number", "ok", "source", "guard", "status", "why", "error")


class Settings(Strict):
    """The fault on the bench has no keys."""


@dataclass
class Behaviour:
    """How a fault behaves. Counts are of calls; ``ends_after_ms`` None never ends by itself."""

    refuses: bool = False  # start raises before anything was made
    breaks_off: bool = False  # start raises after the template was made, nothing runs
    loses_answer: bool = False  # start raises after the fault was injected
    effect: bool = True
    ends_after_ms: Ms | None = None
    fails_half_way: bool = False
    stop_raises: int = 0
    stop_unclean: int = 0
    poll_raises: int = 0
    stays: bool = False  # the provider says ended, and it goes on


@dataclass
class Injected:
    """One fault that is there."""

    step: str
    token: str
    since: Ms
    until: Ms | None  # by itself
    behaviour: Behaviour
    stopped: Ms | None = None
    template: bool = True

    def active(self, t: Ms) -> bool:
        """Whether it fails requests at this instant."""
        end = self.stopped if self.stopped is not None and not self.behaviour.stays else self.until
        return self.behaviour.effect and self.since <= t and (end is None or t < end)


@dataclass
class World:
    """The truth, and what happened to the provider."""

    clock: VirtualClock
    ledger: Path
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    injected: dict[str, Injected] = field(default_factory=dict)  # by token
    calls: list[tuple[Ms, str, str]] = field(default_factory=list)
    moved_ms: Ms | None = None
    move_fails: bool = False
    outages: list[tuple[Ms, Ms]] = field(default_factory=list)  # not of our making

    def broken(self, t: Ms) -> bool:
        """Whether requests fail at this instant."""
        if any(since <= t < until for since, until in self.outages):
            return True
        return (self.moved_ms is None or t < self.moved_ms) and self.faulty(t)

    def faulty(self, t: Ms) -> bool:
        """Whether the broken part fails, whether or not traffic goes there."""
        return any(f.active(t) for f in self.injected.values())

    def failures(self, t: Ms) -> float:
        """Of the hundred requests in the bucket that began at ``t``."""
        return 100.0 * sum(self.broken(t + i * S) for i in range(PERIOD // S)) / (PERIOD // S)

    def errors(self, t: Ms) -> float:
        """Of the part that is broken."""
        return 100.0 * sum(self.faulty(t + i * S) for i in range(PERIOD // S)) / (PERIOD // S)

    # ---- the provider
    name: str = "fis"
    settings: type[BaseModel] = Settings

    def start(self, order: Order, note: Note) -> Trace:
        how, now = self.behaviours.get(order.step, Behaviour()), self.clock.now()
        self.calls.append((now, "start", order.step))
        assert order.step in {left.step for left in outstanding(self.ledger).left}, "started before it was written"
        if how.refuses:
            raise PermissionError("AccessDenied")
        note({"template": f"t-{order.step}"})
        ends = order.duration_ms if how.ends_after_ms is None else how.ends_after_ms
        until = None if ends is None or ends < 0 else now + ends
        found = self.injected.setdefault(order.token, Injected(order.step, order.token, now, until, how))
        if how.breaks_off:
            found.stopped = now
            raise ConnectionError("broken off")
        note({"experiment": f"e-{order.step}"})
        if how.loses_answer:
            raise TimeoutError("no answer")
        return {"run": order.run, "step": order.step, "token": order.token, "experiment": f"e-{order.step}"}

    def poll(self, trace: Trace) -> ProviderStatus:
        found = self.injected[trace["token"]]
        if found.behaviour.poll_raises > 0:
            found.behaviour.poll_raises -= 1
            raise TimeoutError("no answer")
        return self._status(found)

    def stop(self, trace: Trace) -> ProviderStatus:
        now, found = self.clock.now(), self.injected.get(trace["token"])
        self.calls.append((now, "stop", trace["step"]))
        if found is None:
            return ProviderStatus("ended", "there is none", clean=True)
        if found.behaviour.stop_raises > 0:
            found.behaviour.stop_raises -= 1
            raise ConnectionError("throttled")
        if found.stopped is None:
            found.stopped = now
        if found.behaviour.stop_unclean > 0:
            found.behaviour.stop_unclean -= 1
            return ProviderStatus("ended", "the template is there")
        found.template = False
        status = self._status(found)
        return ProviderStatus(status.state, clean=True)

    def _status(self, found: Injected) -> ProviderStatus:
        now = self.clock.now()
        if found.stopped is not None:
            return ProviderStatus("ended", "stopped")
        if found.behaviour.fails_half_way and found.until and now >= (found.since + found.until) // 2:
            found.until = found.stopped = now
            return ProviderStatus("failed", "half way", targets={"F": ["arn:f"]})
        over = found.until is not None and now >= found.until
        return ProviderStatus("ended" if over else "active", targets={"F": ["arn:f"]})

    def left(self) -> list[str]:
        """The faults that are still there, or whose template is."""
        now = self.clock.now()
        return sorted(f.step for f in self.injected.values() if f.template or f.active(now))

    # ---- the runbook's call
    def call(self, call: RunbookCall) -> str:
        self.calls.append((self.clock.now(), "call", ".".join(call.calls[0])))
        if self.move_fails:
            raise PermissionError("AccessDenied")
        self.moved_ms = self.clock.now()
        return "200"


Series = Callable[[Ms], float | None]


@dataclass
class Watch:
    """The observer. ``series`` are functions of a bucket's start; ``alarms`` are (since, value) that grow."""

    world: World
    series: dict[str, Series] = field(default_factory=dict)
    alarms: dict[str, Callable[[Ms], Sample | None]] = field(default_factory=dict)
    raises: Callable[[Ms], bool] = lambda now: False
    silent: Callable[[Ms], bool] = lambda now: False
    lost: Callable[[str, Ms], bool] = lambda ident, t: False
    late_ms: Callable[[str, Ms], Ms] = lambda ident, t: 0
    looks: int = 0
    name: str = "watch"
    sources: frozenset[str] = frozenset({"cloudwatch.metric", "cloudwatch.alarm"})

    def sample(self, signals: Sequence[Signal], window: Window) -> Mapping[str, Sequence[Sample]]:
        now = self.world.clock.now()
        self.looks += 1
        if self.raises(now):
            raise ConnectionError("the source is away")
        if self.silent(now):
            return {}
        return {signal.id: list(self._read(signal, window, now)) for signal in signals}

    def _read(self, signal: Signal, window: Window, now: Ms) -> Iterator[Sample]:
        if signal.source == "cloudwatch.alarm":
            found = self.alarms.get(str(signal.query.get("alarm", signal.id)), nothing)(now)
            yield from () if found is None else (found,)
            return
        first = -(-window.start_ms // signal.period_ms) * signal.period_ms
        for t in range(first, window.end_ms, signal.period_ms):
            there = t + signal.period_ms + self.late_ms(signal.id, t) <= now
            if there and not self.lost(signal.id, t):
                yield Sample(t, self.series[signal.id](t))


def nothing(_: Ms) -> Sample | None:
    """There is no such alarm."""
    return None


def on_failures(world: World, at_least: float = 5.0) -> Callable[[Ms], Sample]:
    """An alarm like the Open Banking one: two buckets in a row at the threshold; OK as soon as one is below."""

    def state(now: Ms) -> Sample:
        since, value, streak = START, 0.0, 0
        for t in range(START, now - PERIOD + 1, PERIOD):
            streak = streak + 1 if world.failures(t) >= at_least else 0
            new = 1.0 if streak >= 2 else 0.0
            if new != value:
                since, value = t + PERIOD, new
        return Sample(since, value)

    return state


@dataclass
class Paper:
    """The channel: what was put before whom."""

    world: World
    prompts: list[Prompt] = field(default_factory=list)
    raises: int = 0
    name: str = "paper"

    def deliver(self, prompt: Prompt) -> str:
        if self.raises > 0:
            self.raises -= 1
            raise ConnectionError("the pager is down")
        self.prompts.append(prompt)
        return "delivered"


class Wait(Exception):
    """The bench's own end: what should have ended goes on."""


class Killed(BaseException):
    """``kill -9``: nothing after it runs. The bench raises it past the conductor's own clean-up."""


@dataclass
class Ticking(Inline):
    """Effects at once; waiting moves the clock on and lets the test act."""

    clock: VirtualClock = field(default_factory=VirtualClock)
    tick_ms: Ms = S
    until: Ms = 0
    hooks: list[tuple[Callable[[], bool], Callable[[], None]]] = field(default_factory=list)

    def wait(self, seconds: float) -> list[Outcome]:
        self.clock.advance(self.tick_ms)
        if self.clock.now() > self.until:
            raise Wait("the run does not end")
        for hook in list(self.hooks):
            if hook[0]():
                self.hooks.remove(hook)
                hook[1]()
        return super().wait(seconds)


class Bench:
    """One run. Program ``world``, ``watch`` and ``paper``, say what happens when with ``at``, then ``run``."""

    def __init__(self, plan: Plan, folder: Path, *, hours: float = 4, tick_ms: Ms = S, speed: float = 1.0) -> None:
        self.plan, self.folder, self.speed = plan, folder, speed
        self.clock = VirtualClock(START, speed)
        self.world = World(self.clock, folder / "undo.jsonl")
        series = {s.id: self.world.failures for s in plan.signals if s.source == "cloudwatch.metric"}
        series |= {i: (lambda t: 100.0) for i in series if "attempts" in i}
        series |= {i: self.world.errors for i in series if "errors" in i}
        names = [str(s.query["alarm"]) for s in plan.signals if s.source == "cloudwatch.alarm"]
        alarms = {name: on_failures(self.world) for name in names}
        self.watch = Watch(self.world, dict(series), dict(alarms))
        self.others: list[Observer] = []
        self.paper = Paper(self.world)
        self.effects = Ticking(clock=self.clock, tick_ms=tick_ms, until=START + int(hours * 60 * MINUTE))
        (folder / "inbox").mkdir(parents=True, exist_ok=True)
        self.open()
        opened = {"run": "r-1", "environment": "rehearsal", "speed": speed, "scenario": plan.scenario,
                  "service": plan.service, "version": "0"}  # fmt: skip
        self.conductor.record(Draft("run.opened", opened))
        self.conductor.record(Draft("plan.registered", {"digest": plan.digest}))
        self.conductor.record(Draft("phase.entered", {"phase": "preflight"}))

    def open(self, journal: Journal | None = None) -> Conductor:
        """A conductor over what is on disk, as wiring makes one; the first time over nothing."""
        path = self.folder / "journal.jsonl"
        self.journal = journal or (Journal.open(path) if path.exists() else Journal.create(path))
        self.journal.claim(os.getpid(), self.clock.now(), self.clock.wall())
        self.ledger = Ledger(self.folder / "undo.jsonl")
        state = fold(read(path)[0])
        began = state.phase_ms.get("baseline", self.clock.now())
        watched, _ = sources(self.plan.signals, [self.watch, *self.others], began)
        performer = Performer(self.plan, self.ledger, {"fis": self.world}, self.paper, self.world.call)
        self.conductor = Conductor(self.plan, self.folder, self.journal, self.ledger, state, self.clock, performer,
                                   watched, self.effects, scripted)  # fmt: skip
        return self.conductor

    def crash(self) -> Conductor:
        """The conductor is gone between two turns, and another one takes the run over."""
        self.journal.close()
        self.effects.ended.clear()
        return self.open()

    @property
    def state(self) -> State:
        return self.conductor.state

    def go(self) -> Bench:
        """Somebody says go."""
        self.conductor.record(Draft("go", {"on": "the bench"}, "facilitator"))
        return self

    def at(self, seconds: float, act: Callable[[], Any]) -> Bench:
        """Once, so many seconds after the go (the timeline's start); negative ones count from the bench's start."""

        def due() -> bool:
            if seconds < 0:
                return self.clock.now() >= START - seconds * S
            go = self.conductor.state.t_go
            return go is not None and self.clock.now() >= go + seconds * S

        self.effects.hooks.append((due, act))
        return self

    def once(self, seen: Callable[[State], bool], act: Callable[[], Any]) -> Bench:
        """Once the state is such."""
        self.effects.hooks.append((lambda: seen(self.conductor.state), act))
        return self

    def command(self, kind: Any, who: str = "facilitator", **what: Any) -> str:
        """A command into the inbox."""
        return drop(self.folder, kind, who, **what)

    def raw(self, name: str, data: object) -> None:
        """A hostile file into the inbox."""
        text = data if isinstance(data, bytes) else json.dumps(data).encode()
        (self.folder / "inbox" / f"{name}.json").write_bytes(text)

    def run(self) -> str:
        """Go, and walk to the end."""
        if self.state.go_by is None:
            self.go()
        return self.conductor.run()

    # ---- what came of it
    @property
    def events(self) -> list[Event]:
        return read(self.folder / "journal.jsonl")[0]

    def timeline(self, *only: str, facts: Sequence[str] = TOLD) -> list[tuple[float, str, str]]:
        """(seconds since the go, type, facts) of each event; all but datapoints, or only the types named."""
        zero = self.state.t_go if self.state.t_go is not None else START
        told = [e for e in self.events if (e.type in only if only else e.type not in QUIET)]
        return [((e.at - zero) / S, e.type, _facts(e, facts)) for e in told]

    def of(self, type_: str) -> list[Event]:
        """The events of a type."""
        return [e for e in self.events if e.type == type_]

    def results(self) -> dict[str, str | None]:
        """How each step ended."""
        return {e.what["step"]: e.what["result"] for e in self.of("step.ended")}

    def verdict(self) -> dict[str, Any]:
        return judge_run(self.plan, self.events)

    def calls(self, kind: str) -> list[str]:
        """The steps that the provider was asked about, in order."""
        return [step for _, what, step in self.world.calls if what == kind]

    def check(self) -> None:
        """What holds after every run, whatever happened in it."""
        events = self.events
        assert fold(events) == self.state, "the journal folds to another state"
        ends = [e.what["step"] for e in events if e.type == "step.ended"]
        assert len(ends) == len(set(ends)), f"a step ended twice: {ends}"
        left = {found.step for found in outstanding(self.ledger.path).left}
        failed = {str(e.what["step"]) for e in events if e.type == "undo.failed"}
        assert left <= failed, f"left and not said: {left - failed}"
        assert set(self.world.left()) <= left | self._staying(), "something is there and the ledger does not know"
        if self.state.ended_status is not None:
            assert sorted(ends) == sorted(s.id for s in self.plan.steps), "a step has no end"

    def _staying(self) -> set[str]:
        return {f.step for f in self.world.injected.values() if f.behaviour.stays}


def _facts(event: Event, names: Sequence[str]) -> str:
    return " ".join(str(event.what[n]) for n in names if event.what.get(n) is not None)


# ---- small plans
def signal(ident: str, source: str = "cloudwatch.metric", **more: Any) -> dict[str, Any]:
    query = {"alarm": ident} if source == "cloudwatch.alarm" else {}
    return {"id": ident, "source": source, "query": query, "period_ms": PERIOD, "settles_ms": PERIOD, **more}


def fault(ident: str = "stop", at_ms: Ms | None = 0, minutes: float | None = 5, **changes: Any) -> dict[str, Any]:
    planned = {
        "provider": "fis", "action": "aws:lambda:invocation-error", "settings": {}, "targets": {"F": ("arn:f",)},
        "resources": ("payments",), "duration_ms": None if minutes is None else int(minutes * MINUTE),
        "effective": {"signal": "failures", "at_least": 1, "within": "1m"},
        "gone": {"signal": "errors", "equals": 0, "within": "2m"},
    }  # fmt: skip
    step: dict[str, Any] = {k: changes.pop(k) for k in ("after", "when", "on_timeout") if k in changes}
    return {"id": ident, "kind": "fault", "title": ident, "at_ms": at_ms, "fault": {**planned, **changes}, **step}


def expect(ident: str, what: dict[str, Any], within_ms: Ms | None = 5 * MINUTE, **more: Any) -> dict[str, Any]:
    return {"id": ident, "kind": "expect", "title": ident, "expect": what, "within_ms": within_ms,
            "to": what.get("role"), **more}  # fmt: skip


def a_plan(*steps: dict[str, Any], **changes: Any) -> Plan:
    """A plan of these steps on attempts, failures and errors, with an outage of at most half an hour."""
    outage = {
        "id": "outage", "authority": "fca", "metric": "duration", "limit": "30m", "counts_as_disrupted": ["down"],
        "measure": {"attempts": "attempts", "failures": "failures"}, "hold": "1m",
    }  # fmt: skip
    signals = [signal("attempts"), signal("failures"), signal("errors"), signal("page", "cloudwatch.alarm")]
    facts: dict[str, Any] = {
        "digest": "sha256:aa", "scenario": "stop", "service": "pay", "title": "Stop", "service_title": "Payments",
        "hypothesis": "Payments keep flowing", "environment": "rehearsal", "method": "live",
        "environment_definition": json.loads(REHEARSAL_ENVIRONMENT.model_dump_json()), "baseline_ms": 2 * MINUTE,
        "max_duration_ms": 60 * MINUTE, "steps": steps or (fault(),), "signals": signals, "tolerances": [outage],
        "guards": [], "runbooks": [], "scripts": {}, "deputies": {"on-call": "deputy"}, "calls": [],
        "cost": json.loads(Cost(action_minutes=0, action_usd=0.0, metric_reads=0, metric_usd=0.0).model_dump_json()),
        "inputs": {},
    }  # fmt: skip
    return Plan.model_validate_json(json.dumps({**facts, **changes}))


RUNBOOK = {
    "kind": "runbook", "id": "move", "title": "Move", "roles": [], "steps": [
        {"number": 1, "says": "Look."},
        {"number": 2, "says": "Move it.", "block": {
            "do": {"aws": "route53.change", "with": {}},
            "check": {"signal": "failures", "below": 1, "within": "2m"}}},
        {"number": 3, "says": "Tell."},
    ],
}  # fmt: skip


def task(ident: str = "move", **more: Any) -> dict[str, Any]:
    return {"id": ident, "kind": "task", "title": ident, "to": "on-call", "runbook": "move",
            "within_ms": 10 * MINUTE, **more}  # fmt: skip
