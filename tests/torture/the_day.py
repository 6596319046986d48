"""The day that is tortured: two faults at once, one that ends itself at once, one on this machine; a heartbeat, a
watchdog, a guard, people; ended by itself, by an abort or by the guard. On a virtual clock, with our own providers for
FIS and for the heartbeat over an account in memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from gameday.aws import CallFailed
from gameday.clock import Ms
from gameday.conductor.deadman import DeadMan, Heartbeat
from gameday.conductor.ledger import Ledger
from gameday.conductor.pulse import Pulse
from gameday.conductor.walk import Conductor
from gameday.faults.fis import FisFault
from gameday.journal.events import Draft
from gameday.journal.inbox import drop
from gameday.journal.store import Journal
from gameday.model.workspace import REHEARSAL_ENVIRONMENT, Envelope
from gameday.plan import DeadMan as Planned
from gameday.plan import Plan, PlannedFault, dump_plan
from gameday.planning.deadman import BEAT_MS, switch
from gameday.protocols import Note, Order, ProviderStatus, Trace
from gameday.runs import LOCK
from gameday.wiring import starting
from gameday.wiring.sockets import Sockets
from gameday.wiring.taking_over import Reached
from tests.conductor.bench import (
    MINUTE,
    PERIOD,
    START,
    Paper,
    S,
    Settings,
    Ticking,
    Watch,
    World,
    a_plan,
    expect,
    fault,
)
from tests.torture.aws_on_paper import Account, Door, Moving

RUN = "r-1"
TICK_MS = 4 * S
ERROR, DELAY, FAILOVER = "aws:lambda:invocation-error", "aws:lambda:invocation-add-delay", "aws:rds:failover-db-cluster"
FOUND = switch(60_000)
assert FOUND is not None
DEAD_MAN: Planned = FOUND
ENVIRONMENT = REHEARSAL_ENVIRONMENT.model_copy(
    update={"envelope": Envelope.model_validate({"dead_man": "60s"}), "regions": (REHEARSAL_ENVIRONMENT.region,)}
)
ENDS = ("itself", "abort", "guard")


def fis(ident: str, action: str, kind: str, at_s: int, minutes: float | None, **more: Any) -> dict[str, Any]:
    given = {"preventExecution": True, "invocationPercentage": 100} if action == ERROR else {}
    given |= {"startupDelayMilliseconds": 100} if action == DELAY else {}
    settings = {"action": action, "parameters": given | ({"duration": f"{minutes:g}m"} if minutes else {})}
    arn = f"arn:aws:{action.split(':')[1]}:eu-west-2:123456789012:x:{ident}"
    unseen: dict[str, Any] = {} if ident == "errors" else {"effective": None, "gone": None}
    return fault(ident, at_ms=at_s * S, minutes=minutes, action=action, settings=settings, targets={kind: (arn,)},
                 **unseen, **more)  # fmt: skip


def a_day(ends: str) -> Plan:
    """Its plan. What is to be ended by an abort or by its guard would last for longer."""
    longer = 1 if ends == "itself" else 3
    shuts = {"effective": None, "gone": None, "provider": "chaostoolkit", "action": "local.break"}
    steps = (
        fis("errors", ERROR, "Functions", 0, 3 * longer, dead_man="alarm", ends_itself=True),
        fis("delay", DELAY, "Functions", 0, 2 * longer, dead_man="alarm", ends_itself=True),
        fis("failover", FAILOVER, "Clusters", 20, None, one_shot=True, ends_itself=True),
        fault("local", at_ms=30 * S, minutes=2 * longer, dead_man="watchdog", **shuts),
        expect("ack", {"role": "on-call", "does": "acknowledge"}, 2 * MINUTE),
        expect("unheard", {"role": "deputy", "does": "acknowledge"}, MINUTE),
    )
    guards = [{"signal": "failures", "above": 50}] if ends == "guard" else [{"signal": "failures", "above": 500}]
    return a_plan(
        *steps, guards=guards, baseline_ms=MINUTE, max_duration_ms=12 * MINUTE, dead_man=DEAD_MAN.model_dump(),
        environment_definition=ENVIRONMENT.model_dump(mode="json"), tolerances=[],
    )  # fmt: skip


class Local:
    """A fault that breaks something on this machine, where nothing but ``stop`` ends it."""

    name = "chaostoolkit"
    settings: type[BaseModel] = Settings

    def __init__(self, world: Truth) -> None:
        self.world = world

    def start(self, order: Order, note: Note) -> Trace:
        note({"place": "here"})
        self.world.local.setdefault(order.token, order.step)
        self.world.local_starts += 1
        self.world.account.told("local.break")
        return {"run": order.run, "step": order.step, "token": order.token}

    def poll(self, trace: Trace) -> ProviderStatus:
        return ProviderStatus("active" if trace["token"] in self.world.local else "ended")

    def stop(self, trace: Trace) -> ProviderStatus:
        if self.world.local.pop(trace["token"], None):
            self.world.account.told("local.mend")
        return ProviderStatus("ended", "mended", clean=True)


@dataclass
class Truth:
    """What is really there, whoever knows of it."""

    account: Account
    local: dict[str, str] = field(default_factory=dict)  # by token
    local_starts: int = 0
    watchdogs: int = 0

    @property
    def active(self) -> list[str]:
        """Faults that go on."""
        return sorted([*self.account.active, *self.local.values()])

    @property
    def all(self) -> list[str]:
        """Those, and what was made for them."""
        return [*self.active, *self.account.leftovers]


class Guard:
    """The watchdog, as the conductor sees it: from ``set`` on it is there, and outlives whoever set it."""

    name = "watchdog"

    def __init__(self, truth: Truth) -> None:
        self.truth, self.mine = truth, False

    def guards(self, planned: PlannedFault) -> bool:
        return planned.dead_man == "watchdog"

    def made(self) -> bool:
        return self.mine

    def holds(self) -> bool:
        return self.mine

    def fired(self) -> str:
        return ""

    def set(self) -> list[Draft]:
        self.mine, self.truth.watchdogs = True, self.truth.watchdogs + 1
        self.truth.account.told("watchdog")
        return [Draft("watchdog.started", {"pid": 1})]

    def put_away(self) -> list[Draft]:
        self.mine, self.truth.watchdogs = False, self.truth.watchdogs - 1
        return [Draft("watchdog.ended")]


class Still(Heartbeat):
    """Its thread is the conductor's: it beats when a turn finds that it is time."""

    beaten: Ms = 0

    def turn(self, now: Ms) -> None:
        """Beat, if it is time."""
        if self.made() and now - self.beaten >= BEAT_MS:
            self.beaten = now
            with suppress(CallFailed):  # no heartbeat is what the alarm is for
                self.once()

    def _go_on(self) -> None:
        pass


@dataclass
class Switches(DeadMan):
    """Both switches, on the virtual clock."""

    now: Callable[[], Ms] = lambda: 0

    def beat(self) -> None:
        super().beat()
        for found in self.switches:
            if isinstance(found, Still):
                found.turn(self.now())


class Day:
    """One run of it under way, and the world in which it happens."""

    def __init__(self, root: Path, ends: str) -> None:
        self.root, self.plan, self.ends = root, a_day(ends), ends
        self.clock = Moving(START)
        self.truth = Truth(Account(ENVIRONMENT, self.clock, (ERROR, DELAY, FAILOVER)))
        self.dropped: list[str] = []
        self.folder = root / ".gameday" / "runs" / RUN
        (self.folder / "inbox").mkdir(parents=True)

    def world(self) -> Reached:
        """As another process meets it: new providers, and nothing remembered."""
        unused = World(self.clock, self.folder / "undo.jsonl")
        watch = Watch(unused, {"attempts": lambda t: 100.0, "failures": self._failures, "errors": self._failures})
        aws: Any = Door(self.truth.account, ENVIRONMENT)
        faults: Any = {"fis": FisFault(aws), "chaostoolkit": Local(self.truth)}
        filled = Sockets(aws, faults, [watch], Paper(unused))
        until = self.clock.now() + 60 * MINUTE
        return Reached(filled, self.clock, None, Ticking(clock=self.clock, tick_ms=TICK_MS, until=until))

    def _failures(self, t: Ms) -> float:
        broken = self.truth.account.broken[ERROR]
        return 100.0 * sum(broken.at(t + i * S) for i in range(PERIOD // S)) / (PERIOD // S)

    def switches(self, run_dir: Path, plan: Plan, filled: Sockets, ledger: Ledger, *_: object) -> DeadMan:
        """In place of ``gameday.wiring.switches.dead_man``, which begins threads and processes."""
        pulse = Pulse(run_dir)
        assert plan.dead_man is not None
        heart = Still(filled.heartbeat, RUN, plan.dead_man, ledger, self.clock, pulse)
        return Switches(pulse, [heart, Guard(self.truth)], now=self.clock.now)

    def begin(self) -> Conductor:
        """Its folder, its conductor and its go, in the order of ``starting.begin``."""
        raw = dump_plan(self.plan)
        (self.folder / "plan.json").write_bytes(raw)
        (self.folder / LOCK).touch()
        journal = Journal.create(self.folder / "journal.jsonl")
        journal.claim(os.getpid(), self.clock.now(), self.clock.wall())
        world = self.world()
        assert world.filled is not None and isinstance(world.effects, Ticking)
        made = starting.conduct(self.folder, self.plan, world.filled, None, journal, self.clock, unattended=True,
                                effects=world.effects)  # fmt: skip
        for draft in starting._opening(self.plan, RUN, self.clock, raw):
            made.record(draft)
        made.record(Draft("go", {"on": "plan and preflight", "digest": self.plan.digest}, "facilitator"))
        self._people(made, world.effects)
        return made

    def _people(self, conductor: Conductor, effects: Ticking) -> None:
        def at(seconds: float, kind: Any, who: str, **what: Any) -> None:
            def due() -> bool:
                go = conductor.state.t_go
                return go is not None and self.clock.now() >= go + seconds * S

            effects.hooks.append((due, lambda: self.dropped.append(drop(self.folder, kind, who, **what))))

        at(-20, "note", "facilitator", text="All are here.")
        at(20, "ack", "on-call")
        at(44, "note", "evaluator", text="Quick.")
        at(60, "hold", "facilitator", why="a question")
        at(72, "resume", "facilitator")
        at(80, "skip", "facilitator", step="unheard")
        if self.ends == "abort":
            at(100, "abort", "facilitator", why="enough")
