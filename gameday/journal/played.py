"""What people did to the timeline, and what was taken from them: the part of a run's state that is about people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gameday.clock import Ms
from gameday.journal.events import Event

Key = tuple[str, int]  # a step of the timeline, and the number of its runbook's step


@dataclass
class Scored:
    """What an evaluator gave a step."""

    score: str
    by: str
    comment: str
    at_ms: Ms


@dataclass
class Played:
    """By the facilitator's hand: ``fired``, ``delays``. By evaluators: ``scores``; ``led``: where each branch led, ""
    for nowhere. ``away`` are channels that are down and roles whose access has expired, until when."""

    fired: dict[str, Ms] = field(default_factory=dict)
    delays: dict[str, Ms] = field(default_factory=dict)
    scores: dict[str, Scored] = field(default_factory=dict)
    led: dict[str, str] = field(default_factory=dict)
    led_ms: dict[str, Ms] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)  # roles for which no deputy stands in
    expired: dict[str, Ms] = field(default_factory=dict)  # role -> until when what it does is refused
    restored: dict[str, Ms] = field(default_factory=dict)  # role -> when its access was last given back
    down: dict[str, Ms] = field(default_factory=dict)  # channel -> until when it carries nothing
    passed_over: dict[str, dict[int, Ms]] = field(default_factory=dict)  # task -> steps of its runbook left out
    intended: dict[Key, int] = field(default_factory=dict)  # a call about to be made, and the epoch that would make it
    held: frozenset[str] = frozenset()  # roles that a person holds, where others are scripted
    seed: str = ""

    def refused(self, role: str, now: Ms) -> bool:
        """Whether the access of this role has expired."""
        return self.expired.get(role, 0) > now

    def without(self, now: Ms) -> tuple[str, ...]:
        """The channels that carry nothing now."""
        return tuple(sorted(name for name, until in self.down.items() if until > now))


Change = Callable[[Played, Event], None]
CHANGES: dict[str, Change] = {}


def _on(type_: str) -> Callable[[Change], Change]:
    def register(change: Change) -> Change:
        CHANGES[type_] = change
        return change

    return register


@_on("people.registered")
def _registered(played: Played, event: Event) -> None:
    played.held = frozenset(str(role) for role in event.what.get("held") or ())
    played.seed = str(event.what.get("seed") or "")


@_on("step.fire_asked")
def _fired(played: Played, event: Event) -> None:
    played.fired.setdefault(event.what["step"], event.at)


@_on("step.delay_asked")
def _delayed(played: Played, event: Event) -> None:
    step = event.what["step"]
    played.delays[step] = played.delays.get(step, 0) + int(event.what["by_ms"])


@_on("step.scored")
def _scored(played: Played, event: Event) -> None:
    what = event.what
    played.scores[what["step"]] = Scored(what["score"], event.who, str(what.get("comment") or ""), event.at)


@_on("branch.taken")
def _branched(played: Played, event: Event) -> None:
    step = event.what["step"]
    played.led[step], played.led_ms[step] = event.what.get("leads_to") or "", event.at


@_on("role.unavailable")
def _silent(played: Played, event: Event) -> None:
    (played.silent.add if event.what.get("silent") else played.silent.discard)(event.what["role"])


@_on("access.expired")
def _expired(played: Played, event: Event) -> None:
    played.expired[event.what["role"]] = event.what["until_ms"]


@_on("access.restored")
def _restored(played: Played, event: Event) -> None:
    role = event.what["role"]
    played.expired[role] = min(played.expired.get(role, event.at), event.at)
    played.restored[role] = event.at


@_on("channel.down")
def _down(played: Played, event: Event) -> None:
    played.down[event.what["channel"]] = event.what["until_ms"]


@_on("channel.up")
def _up(played: Played, event: Event) -> None:
    channel = event.what["channel"]
    played.down[channel] = min(played.down.get(channel, event.at), event.at)


@_on("task.step_skipped")
def _passed_over(played: Played, event: Event) -> None:
    played.passed_over.setdefault(event.what["step"], {})[event.what["number"]] = event.at


@_on("task.step_calling")
def _calling(played: Played, event: Event) -> None:
    played.intended[event.what["step"], event.what["number"]] = event.epoch
