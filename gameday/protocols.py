"""The sockets: what a fault, an observer and a channel must do, and the small optional extras, each its own Protocol.

A plug-in is a class, registered by an entry point that bears its name (``gameday.plugins`` finds and checks it). It is
made once for a run: each parameter of its ``__init__`` is filled by name from ``Context``. The conductor wraps each
plug-in in one validator and one time-out; nothing a plug-in does can crash a run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel

from gameday.clock import Clock
from gameday.errors import Problem
from gameday.model.scenario import Condition
from gameday.model.service import Technology
from gameday.model.workspace import Environment
from gameday.plan import Call, Signal, where

Trace = dict[str, str]
"""What is known of a started fault, JSON-able, enough to stop it or to find it again: token, run, step, ids."""

Note = Callable[[Trace], None]
"""Writes facts to the undo ledger, fsynced, before it returns."""


class AwsDoor(Protocol):
    """The way to AWS: in rehearsal it leads to loopback alone, else only to the environment's accounts."""

    def client(self, service: str, account: str | None = None, region: str | None = None) -> Any:
        """The boto3 client of a service, in the environment's own account and first Region unless another of its
        accounts (by name) or Regions is given."""
        ...


@dataclass(frozen=True)
class Context:
    """What a plug-in can ask for when it is made: a parameter called ``aws`` gets the door to AWS, one called
    ``context`` all of this.

    ``endpoint`` is the loopback AWS of a rehearsal, else None. ``settings`` are a channel's own keys in gameday.yaml,
    as its model; ``link_for`` makes a link of the console by which whoever is asked can answer, None without a console.
    """

    environment: Environment
    endpoint: str | None
    aws: AwsDoor
    clock: Clock
    settings: BaseModel | None = None
    link_for: Callable[[Prompt], str | None] | None = None

    @property
    def rehearsed(self) -> bool:
        """Whether this is a rehearsal: then nothing may leave loopback."""
        return self.endpoint is not None

    @property
    def speed(self) -> float:
        """Scenario time runs so many times faster than wall time."""
        return self.clock.speed

    @property
    def context(self) -> Context:
        """All of it."""
        return self


@dataclass(frozen=True)
class Order:
    """A fault to start. ``token`` is deterministic from run and step; everything made is tagged with run and step."""

    run: str
    step: str
    token: str
    action: str
    settings: Mapping[str, Any]
    targets: Mapping[str, Sequence[str]]
    duration_ms: int | None
    environment: Environment
    stop_conditions: Sequence[str] = ()  # alarm ARNs
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # target key -> tags that name its targets
    region: str | None = None  # where it is started, None the environment's first
    accounts: Sequence[str] = ()  # ids of the accounts that hold its targets, where that is not the environment's own

    @property
    def where(self) -> dict[str, str]:
        """What undo has to know of the fault's place: see ``gameday.plan.where``."""
        return where(self.region, self.accounts, self.targets)


@dataclass(frozen=True)
class ProviderStatus:
    """What the provider says of a fault now. ``clean``: it ended and left nothing behind (template, tag)."""

    state: Literal["starting", "active", "ended", "failed", "unknown"]
    detail: str = ""
    clean: bool = False
    targets: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Stops(Protocol):
    """All that undo needs of a provider."""

    def stop(self, trace: Trace) -> ProviderStatus:
        """Stop and clean up, idempotent; called again until ended and clean. Must find the fault by token or tags
        when ``trace`` has no ids yet."""
        ...


class Fault(Stops, Protocol):
    """Something that breaks something. ``settings`` is its own strict model of the step's keys.

    Recovery asks it to stop even when the rehearsal of its run has ended; ``in_aws = True`` on the class says that all
    it breaks is in AWS, and so gone with the rehearsal.
    """

    name: str
    settings: type[BaseModel]

    def start(self, order: Order, note: Note) -> Trace:
        """Inject. Calls ``note`` with what undo needs before each call that changes anything."""
        ...

    def poll(self, trace: Trace) -> ProviderStatus:
        """What the provider says now; a time-out raises, it is never 'ended'."""
        ...


@runtime_checkable
class Preflight(Protocol):
    """Optional: checks of a step from the files alone, for lint. A static method, since there is no environment yet.

    A problem has no place; a message that begins with a key (``path: ...``) is put at this key.
    """

    @staticmethod
    def check(settings: BaseModel, targets: Sequence[Technology]) -> Sequence[Problem]: ...


@dataclass(frozen=True)
class Outline:
    """What a provider says of a fault before it is started."""

    action: str
    targets: Mapping[str, tuple[str, ...]]  # target key -> ARNs
    duration_ms: int | None
    one_shot: bool
    calls: Sequence[Call]
    action_minutes: int = 0
    witness_signals: Sequence[Signal] = ()  # implicit signals that the default witnesses need
    effective: Condition | None = None  # the default witness, None when there is none
    gone: Condition | None = None
    worst_case_ms: int | None = None  # from a dead conductor to the fault's end, where a watchdog ends it
    actions: Sequence[str] = ()  # all of them, where a fault has several
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # target key -> tags sent in place of ARNs
    exhibits: Sequence[str] = ()  # where the provider will write of it
    region: str | None = None  # where it is started, None the environment's first
    accounts: Sequence[str] = ()  # ids of the accounts that hold its targets, where that is not the environment's own
    takes_stop_conditions: bool = False  # ``Order.stop_conditions`` end it, whether or not the conductor lives
    stop_ends_it: bool = True  # whether ``stop`` can take it back, so that a watchdog may
    takes_duration: bool = False  # a step's ``for`` becomes the fault's own duration, so that it ends without us


@runtime_checkable
class Outlines(Protocol):
    """Optional: resolve targets without touching anything, and say which witness would show the effect."""

    def outline(
        self, step: str, settings: BaseModel, targets: Sequence[Technology], environment: Environment
    ) -> Outline: ...


@runtime_checkable
class Preview(Protocol):
    """Optional: read-only proof, at the start of a run, that the targets exist and the action is known there."""

    def preview(self, order: Order) -> Sequence[Problem]: ...


@dataclass(frozen=True)
class Tagged:
    """Something that is there now and bears our tag. ``run`` is the tag's value, "" where only ``mark`` (made of run
    and step, see ``faults.ssm.mark``) says whose it is."""

    kind: str
    id: str
    state: str
    run: str = ""
    step: str = ""
    mark: str = ""


@runtime_checkable
class Sweeps(Protocol):
    """Optional: find by our tags alone what is still there, for when ledger and folder are lost."""

    def tagged(self) -> Sequence[Tagged]:
        """All of it, of every run, in the order in which it is to be removed. CallFailed when it cannot be read."""
        ...

    def remove(self, tagged: Tagged) -> ProviderStatus:
        """Stop or delete it. Idempotent. CallFailed when AWS refuses, or does not answer."""
        ...


@runtime_checkable
class DryRun(Protocol):
    """Optional: let the provider resolve the targets itself, and break nothing. What it makes for that is a leftover
    as any other: it is noted before it is made, and ``stop`` takes it back. ``poll`` then says the targets."""

    def dry_start(self, order: Order, note: Note) -> Trace: ...


@runtime_checkable
class Requires(Protocol):
    """Optional: what must be there in AWS for the fault to work at all (an extension, an agent, a replica), by reads
    alone; each with its fix. What cannot be read is a warning."""

    def requires(self, order: Order) -> Sequence[Problem]: ...


@runtime_checkable
class Exhibits(Protocol):
    """Optional: what the provider itself wrote of a fault (its log, its report), to be kept with the run."""

    def exhibits(self, trace: Trace) -> Mapping[str, bytes]:
        """By file name, read once the fault is clean; empty when there is nothing (yet). Raises when it cannot be
        read, which harms nothing."""
        ...


@dataclass(frozen=True)
class Window:
    """``[start_ms, end_ms)`` in scenario time."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True)
class Sample:
    """One datapoint: the start of its bucket, and its value; None = the source says there is none.

    For alarms ``start_ms`` is when the state was entered; 1 = ALARM, 0 = OK, None = INSUFFICIENT_DATA.
    """

    start_ms: int
    value: float | None


class Observer(Protocol):
    """Something that reads signals. Raises when the source cannot be read: that is a gap, never a zero.

    An outsider's sources are dotted names of its own, and ``queries`` on the class is the strict model of each.
    """

    name: str
    sources: frozenset[str]

    def sample(self, signals: Sequence[Signal], window: Window) -> Mapping[str, Sequence[Sample]]:
        """All datapoints in the window, for many signals in as few calls as possible. A signal whose metric does not
        exist is present with no samples."""
        ...


@runtime_checkable
class Foresees(Protocol):
    """Optional: what would keep an observer from reading a signal, before anything is asked."""

    def check(self, signal: Signal) -> Sequence[Problem]: ...


@runtime_checkable
class Hears(Protocol):
    """Optional: an observer that asks others than AWS, and tells what it asked and what was answered."""

    def hear(self, listener: Callable[[str, Mapping[str, Any], Mapping[str, Any]], None]) -> None:
        """Tell ``listener`` of each answer from now on: call, request and answer, without a secret."""
        ...


class Ledgers(Protocol):
    """Optional: something that holds a canary ledger against what is there (D19)."""

    def reconcile(self, ledger: str, since_ms: int) -> Mapping[str, Any]:
        """The facts of ``ledger.reconciled`` for the canaries since then. Raises when it cannot be said: unknown."""
        ...


class Lever(Protocol):
    """Optional: what stops every experiment of an account and Region, and lets none begin. Only a person undoes it."""

    def engage(self, reason: str) -> bool:
        """Whether this call engaged it; False when it was engaged already. Raises when nobody can say."""
        ...


@dataclass(frozen=True)
class Tally:
    """What came of calls that were traced: a sample of them, not all. ``errors`` are 4xx without throttles, ``faults``
    5xx and no answer; ``seconds`` is the sum of their response times."""

    total: int
    ok: int
    errors: int
    throttles: int
    faults: int
    seconds: float


@dataclass(frozen=True)
class GraphNode:
    """A service that was seen, and what it answered."""

    name: str
    tally: Tally


@dataclass(frozen=True)
class GraphEdge:
    """What one service met when it called another."""

    source: str
    target: str
    tally: Tally


@dataclass(frozen=True)
class ServiceGraph:
    """Who called whom in a window, as far as it was traced."""

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]


@runtime_checkable
class Graph(Protocol):
    """Optional, of an observer: the service graph of a window. Raises when it cannot be read."""

    def graph(self, window: Window) -> ServiceGraph: ...


@dataclass(frozen=True)
class Prompt:
    """Something put before a person."""

    id: str
    run: str
    step: str
    to: str
    says: str
    expects: Literal["acknowledge", "answer", "perform", "none"]
    number: int | None = None
    handed_from: str | None = None  # who had it before, and is no longer there
    without: tuple[str, ...] = ()  # channels that carry nothing now, because the day says so


class Channel(Protocol):
    """A way to reach people. ``settings`` on the class, if any, is the strict model of its keys in gameday.yaml."""

    name: str

    def deliver(self, prompt: Prompt) -> str:
        """Deliver; returns a receipt. Whatever it raises means that the prompt was not delivered."""
        ...


@runtime_checkable
class Calls(Protocol):
    """Optional, of a channel: the calls of AWS that its settings lead to, which the plan lists; from the files alone.
    A static method. Nothing that is not listed leaves."""

    @staticmethod
    def calls(settings: BaseModel) -> Sequence[Call]: ...


@runtime_checkable
class Pages(Protocol):
    """Optional, of the channel of a run: others beside it, each of which carries a prompt in its own time and says by
    itself what came of it."""

    def beside(self, prompt: Prompt) -> Sequence[str]:
        """The channels that are to carry it too."""
        ...

    def page(self, name: str, prompt: Prompt) -> str:
        """Deliver by one of them; returns its receipt. Raises when it was not delivered, or nobody can say."""
        ...
