"""A run as its folder tells it, for whoever did not start it: new events as they are journalled, and the time it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gameday.clock import Ms, wall_ms
from gameday.errors import DamagedRun, Place, Problem
from gameday.journal.events import Event
from gameday.journal.state import State
from gameday.runs import JOURNAL, is_live


@dataclass
class Followed:
    """``new`` reads on from where it was; it is a clock too, that goes by what the journal says."""

    folder: Path
    state: State = field(default_factory=State)
    last: Event | None = None
    _at: int = 0
    _live: bool = True

    def new(self) -> list[tuple[bytes, Event]]:
        """What has been journalled since, each with its line. A line that is still being written is left for the next
        look. DamagedRun when one is none."""
        self._live = is_live(self.folder)
        try:
            with (self.folder / JOURNAL).open("rb") as journal:
                journal.seek(self._at)
                raw = journal.read()
        except OSError as error:
            raise self._damaged(f"cannot be read: {error.strerror}") from error
        whole = raw[: raw.rfind(b"\n") + 1]
        self._at += len(whole)
        return list(self._events(whole))

    def _events(self, raw: bytes) -> Iterator[tuple[bytes, Event]]:
        for line in raw.splitlines(keepends=True):
            try:
                event = Event.parse(line)
            except (ValueError, KeyError, TypeError) as error:
                raise self._damaged(f"line {self.state.seq + 1} is not an event") from error
            self.state.apply(event)
            self.last = event
            yield line, event

    def _damaged(self, why: str) -> DamagedRun:
        write = "see the file; the run itself may well go on"
        return DamagedRun(Problem("JOURNAL_DAMAGED", why, write, Place(str(self.folder / JOURNAL), self.state.seq + 1)))

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state.ended_status is not None

    @property
    def abandoned(self) -> bool:
        """Whether nobody conducts it, though it has not ended."""
        return not self._live and not self.over

    # ---- a Clock
    @property
    def speed(self) -> float:
        """As its journal says."""
        return self.state.speed

    def now(self) -> Ms:
        """Scenario time: since the last event it went on at the run's speed, unless nobody conducts the run."""
        if self.last is None:
            return wall_ms()
        gone = 0 if self.over or not self._live else max(0, wall_ms() - self.last.wall)
        return self.last.at + round(gone * self.speed)

    def wall(self) -> Ms:
        """The machine's."""
        return wall_ms()

    def sleep(self, ms: Ms) -> None:
        """Nobody waits for scenario time by this clock."""
        raise NotImplementedError
