"""The sockets: what a fault, an observer and a channel must do, and the small optional extras, each its own Protocol.

The conductor wraps each plug-in in one validator and one time-out; nothing a plug-in does can crash a run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel

from gameday.errors import Problem
from gameday.model.scenario import Condition
from gameday.model.service import Technology
from gameday.model.workspace import Environment
from gameday.plan import Call, Signal

Trace = dict[str, str]
"""What is known of a started fault, JSON-able, enough to stop it or to find it again: token, run, step, ids."""

Note = Callable[[Trace], None]
"""Writes facts to the undo ledger, fsynced, before it returns."""


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


@dataclass(frozen=True)
class ProviderStatus:
    """What the provider says of a fault now. ``clean``: it ended and left nothing behind (template, tag)."""

    state: Literal["starting", "active", "ended", "failed", "unknown"]
    detail: str = ""
    clean: bool = False
    targets: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Fault(Protocol):
    """Something that breaks something. ``settings`` is its own strict model of the step's keys."""

    name: str
    settings: type[BaseModel]

    def start(self, order: Order, note: Note) -> Trace:
        """Inject. Calls ``note`` with what undo needs before each call that changes anything."""
        ...

    def poll(self, trace: Trace) -> ProviderStatus:
        """What the provider says now; a time-out raises, it is never 'ended'."""
        ...

    def stop(self, trace: Trace) -> ProviderStatus:
        """Stop and clean up, idempotent; called again until ended and clean. Must find the fault by token or tags
        when ``trace`` has no ids yet."""
        ...


@runtime_checkable
class Preflight(Protocol):
    """Optional: static checks of a step's settings against its targets, for lint and plan."""

    def check(self, settings: BaseModel, targets: Sequence[Technology]) -> Sequence[Problem]: ...


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
    actions: Sequence[str] = ()  # all of them, where a fault has several
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # target key -> tags sent in place of ARNs
    exhibits: Sequence[str] = ()  # where the provider will write of it
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
    """Something that reads signals. Raises when the source cannot be read: that is a gap, never a zero."""

    name: str
    sources: frozenset[str]

    def sample(self, signals: Sequence[Signal], window: Window) -> Mapping[str, Sequence[Sample]]:
        """All datapoints in the window, for many signals in as few calls as possible. A signal whose metric does not
        exist is present with no samples."""
        ...


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


class Channel(Protocol):
    """A way to reach people."""

    name: str

    def deliver(self, prompt: Prompt) -> str:
        """Deliver; returns a receipt."""
        ...
