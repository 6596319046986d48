"""The merged timeline, a line an event: for those who watch, and for a player what is theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gameday.console.access import Role
from gameday.console.views import Line
from gameday.journal.events import Event
from gameday.journal.state import State
from gameday.plan import Plan
from gameday.reports.telling import Repeats, Told, asks, short, tell
from gameday.reports.words import offset

KEPT = 500  # lines; the journal has all
MOVED = ("step.skip_asked", "step.fire_asked", "step.delay_asked")


@dataclass
class WatchLines:
    """Every event that is worth telling. A source that stays unreadable is told once a scenario minute."""

    plan: Plan
    role: Role
    told: list[Line] = field(default_factory=list)
    _repeats: Repeats = field(default_factory=Repeats)

    def take(self, event: Event, state: State) -> Line | None:
        """One more event, which ``state`` holds already."""
        if self._left_out(event, state):
            return None
        return keep(self.told, event, state, tell(event, self.plan))

    def _left_out(self, event: Event, state: State) -> bool:
        if self.role == "reader" and _names_what_comes(event, state):
            return True
        return self._repeats.again(event)


def _names_what_comes(event: Event, state: State) -> bool:
    """Whether a step that has not begun may be named."""
    if event.type in MOVED:
        return state.step(event.what["step"]).started_ms is None
    return event.type in ("command.refused", "branch.taken")


@dataclass
class PlayerLines:
    """What was put before one role, what it did, and what everybody is told: that the day began, waits or is over.

    Reasons are left out: a facilitator's "wait for the second fault" is not for players."""

    who: str
    told: list[Line] = field(default_factory=list)

    def take(self, event: Event, state: State) -> Line | None:
        """One more event, which ``state`` holds already."""
        teller = _FOR_PLAYERS.get(event.type)
        return keep(self.told, event, state, teller(event, state, self.who) if teller else None)


def keep(told: list[Line], event: Event, state: State, found: Told | None) -> Line | None:
    """Remember a line, and forget the oldest of too many."""
    if found is None:
        return None
    since = offset(event.at, state.t_go)
    line = Line(seq=event.seq, at_ms=event.at, since_go=since, kind=found.kind, text=found.text, tone=found.tone)
    told.append(line)
    del told[:-KEPT]
    return line


Teller = Callable[[Event, State, str], Told | None]


def _always(kind: str, text: str) -> Teller:
    return lambda _event, _state, _who: Told(kind, text)


def _delivered(event: Event, _state: State, who: str) -> Told | None:
    what = event.what
    if what["to"] != who:
        return None
    return Told("PROMPT", asks(str(what["expects"]), str(what["says"]), what.get("number")), "warn")


def _acknowledged(event: Event, state: State, who: str) -> Told | None:
    found = state.prompts.get(event.what["prompt"])
    if found is None or not found.was_for(who):
        return None
    by = event.what.get("role") or event.who
    return Told("PROMPT", f"done: {asks(found.expects, found.says, found.number)}", "good") if by else None


def _note(event: Event, _state: State, who: str) -> Told | None:
    return Told("NOTE", short(event.what["text"])) if event.who == who else None


def _early(event: Event, _state: State, who: str) -> Told | None:
    """In its turn it is an acknowledgement, and told as that."""
    what = event.what
    if not what.get("early") or who not in (event.who, what.get("role")):
        return None
    return Told("TASK", f"step {what['number']} done before its turn", "warn")


def _left_out(event: Event, state: State, who: str) -> Told | None:
    step = event.what["step"]
    if not any(p.step == step and p.was_for(who) for p in state.prompts.values()):
        return None
    return Told("TASK", f"step {event.what['number']} of the runbook is left out", "warn")


def _said_of_runbook(words: str) -> Teller:
    def told(event: Event, _state: State, who: str) -> Told | None:
        number = event.what["number"]
        return Told("TASK", f"{words.format(number)}: {short(event.what['text'])}") if event.who == who else None

    return told


def _refused(event: Event, _state: State, who: str) -> Told | None:
    return Told("REFUSED", "what you did last was not taken", "warn") if event.who == who else None


def _away(text: str) -> Teller:
    return lambda event, _state, who: Told("PEOPLE", text, "warn") if event.what["role"] == who else None


_FOR_PLAYERS: dict[str, Teller] = {
    "run.opened": _always("RUN", "the game day opens"),
    "timeline.started": _always("RUN", "go"),
    "hold.started": _always("HOLD", "the game day waits"),
    "hold.ended": _always("HOLD", "the game day goes on"),
    "abort.asked": _always("ABORT", "the game day is being ended"),
    "run.ended": _always("RUN", "the game day has ended"),
    "prompt.delivered": _delivered,
    "prompt.acknowledged": _acknowledged,
    "note": _note,
    "task.step_done": _early,
    "task.step_skipped": _left_out,
    "task.step_wrong": _said_of_runbook("you said that step {} is wrong"),
    "task.step_missing": _said_of_runbook("you said that a step is missing after step {}"),
    "access.expired": _away("your access has expired: what you do is refused"),
    "access.restored": _away("your access is restored"),
    "command.refused": _refused,
    "role.unavailable": _away("you are out of reach now: somebody else acts for you"),
    "role.available": _away("you are back"),
}
