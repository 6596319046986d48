"""What a display knows of a run: its own fold of the events it was told, never the conductor's state."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from gameday.clock import Ms
from gameday.journal.asked import PromptState
from gameday.journal.events import Event
from gameday.journal.state import State
from gameday.plan import Plan, PlannedStep
from gameday.reports.telling import Repeats, Told, tell
from gameday.reports.words import clock

DIGITS = 9

UsedShare = Callable[[Plan, State, str, Ms], float | None]
"""Plan, state, tolerance id and the time -> the share of the tolerance that may be used by now, as a guard sees it."""


def waiting(state: State) -> list[PromptState]:
    """Prompts that somebody has yet to answer, oldest first; one whose step is over waits no longer."""
    unanswered = [p for p in state.prompts.values() if p.done_ms is None and p.expects != "none"]
    return sorted((p for p in unanswered if state.step(p.step).status != "ended"), key=lambda p: p.delivered_ms)


@dataclass
class Board:
    """Fill it with :meth:`take`. ``told`` are the last lines worth telling, with the instant of each."""

    plan: Plan
    state: State = field(default_factory=State)
    events: list[Event] = field(default_factory=list)
    told: deque[tuple[Ms, Told]] = field(default_factory=lambda: deque(maxlen=200))
    numbers: dict[str, int] = field(default_factory=dict)
    heard_wall: Ms | None = None
    _repeats: Repeats = field(default_factory=Repeats)

    def take(self, event: Event) -> Told | None:
        """One more event; returns the line that tells it, None when it is not worth one."""
        self.events.append(event)
        self.heard_wall = event.wall
        self.state.apply(event)
        if event.type == "prompt.delivered":
            # A prompt keeps its digit, and a digit comes back only after all the others: a key pressed a moment too
            # late must not answer somebody else's prompt.
            self.numbers.setdefault(event.what["prompt"], len(self.numbers) % DIGITS + 1)
        told = None if self._repeats.again(event) else tell(event, self.plan)
        if told:
            self.told.append((event.at, told))
        return told

    def shares(self, used_share: UsedShare | None, now: Ms) -> dict[str, float | None]:
        """Of each tolerance, the share that may be used by now; nothing when nobody can say."""
        if used_share is None:
            return {}
        return {t.id: used_share(self.plan, self.state, t.id, now) for t in self.plan.tolerances}

    @property
    def go_ms(self) -> Ms | None:
        """When the timeline started; before that, when it is expected to (baseline entered, plus the baseline)."""
        if self.state.t_go is not None:
            return self.state.t_go
        entered = self.state.phase_ms.get("baseline")
        return None if entered is None else entered + self.plan.baseline_ms

    def since_go(self, ms: Ms) -> str:
        """``+04:05``, or ``-10:00`` before the go; ``--:--`` while nobody can say. An expected go never passes."""
        go = self.go_ms
        if go is None:
            return "--:--"
        offset = ms - go
        return signed(offset if self.state.t_go is not None else min(offset, 0), before=self.state.t_go is None)

    def steps(self, status: str) -> list[PlannedStep]:
        """Steps of the plan that are pending, running or ended."""
        return [s for s in self.plan.steps if self.state.step(s.id).status == status]


def signed(ms: Ms, before: bool = False) -> str:
    """``+04:05`` or ``-10:00``: minutes in two digits, so that columns stay straight; whole seconds passed."""
    text = clock(abs(ms) // 1000)
    return ("-" if ms < 0 or before else "+") + (f"0{text}" if len(text) == 4 else text)
