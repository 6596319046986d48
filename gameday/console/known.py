"""What was read of one run: its plan, its events, their fold, and the lines that each kind of reader is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from gameday.clock import Ms
from gameday.console.access import Grant
from gameday.console.lines import PlayerLines, WatchLines
from gameday.journal.events import Event
from gameday.journal.state import State
from gameday.plan import Plan

LONGEST_SAYS = 4_000


@dataclass
class Known:
    """All that was read of one run. Fill it with :meth:`take`."""

    name: str
    plan: Plan
    state: State = field(default_factory=State)
    events: list[Event] = field(default_factory=list)
    live: bool = False
    eyes: dict[tuple[str, str], PlayerLines | WatchLines] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """One more event, for everybody who looks."""
        self.events.append(event)
        self.state.apply(event)
        for lines in self.eyes.values():
            lines.take(event, self.state)

    def lines(self, grant: Grant) -> PlayerLines | WatchLines:
        """The lines of this reader, which are told from the first event on."""
        key = (grant.role, grant.who if grant.role == "player" else "")
        if key not in self.eyes:
            made = PlayerLines(grant.who) if grant.role == "player" else WatchLines(self.plan, grant.role)
            state = State()
            for event in self.events:
                state.apply(event)
                made.take(event, state)
            self.eyes[key] = made
        return self.eyes[key]

    @property
    def seq(self) -> int:
        """The number of the last event."""
        return self.state.seq

    @property
    def over(self) -> bool:
        """Whether the run has ended."""
        return self.state.ended_status is not None

    def now(self, wall: Ms) -> Ms:
        """Scenario time as far as a reader can know it: from the last event on, at the run's speed."""
        if not self.events:
            return wall
        last = self.events[-1]
        return last.at if self.over else last.at + round(max(0, wall - last.wall) * self.state.speed)

    @property
    def go_ms(self) -> Ms | None:
        """When the timeline started; before that, when it is expected to."""
        entered = self.state.phase_ms.get("baseline")
        expected = None if entered is None else entered + self.plan.baseline_ms
        return expected if self.state.t_go is None else self.state.t_go
