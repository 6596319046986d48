"""The scheduler: one process that looks at what is due, begins it, and keeps on disk what it intends and what became.

``intended`` is on disk before a process is begun. After a crash what was intended and has left no trace is begun, what
goes on is waited for, and what ended is read from its folder: so a time is begun exactly once or skipped with a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gameday.clock import Clock, Ms, from_iso, iso
from gameday.errors import GamedayError, could_not_start
from gameday.model.content import Content
from gameday.model.load import load_content
from gameday.model.workspace import REHEARSAL
from gameday.schedules.calendars import Freezes
from gameday.schedules.due import Agenda, Board, Decision, Place, Time, time_of
from gameday.schedules.log import Log, schedules_folder
from gameday.schedules.past import Past
from gameday.wiring.firing import Became, Times
from gameday.wiring.freezing import freezes_of
from gameday.wiring.locks import Lock, take_lock
from gameday.wiring.preconditions import unmet

LOOK_EVERY_MS, FILES_EVERY_MS = 1_000, 30_000
Say = Callable[[str], None]


def places_of(content: Content) -> dict[str, Place]:
    """What the run of each schedule holds. A rehearsal is one loopback AWS for the whole workspace."""
    found = {}
    for ident, loaded in content.schedules.items():
        scenario = content.scenarios.get(loaded.model.scenario)
        service = scenario.model.service if scenario else ""
        environment = loaded.model.environment
        lock = REHEARSAL if environment == REHEARSAL else f"{environment}-{service}"
        found[ident] = Place(lock, service)
    return found


def board_of(content: Content, past: Past, now: Ms, freezes: Freezes) -> Board:
    """All schedules of a workspace, from their last decision on."""
    schedules = {ident: loaded.model for ident, loaded in content.schedules.items()}
    since = {ident: past.decided.get(ident, now) for ident in schedules}
    return Board(schedules, places_of(content), freezes, Agenda(schedules, since))


@dataclass
class Scheduler:
    """Of one workspace. ``beat_ms`` (wall) says when it last looked."""

    root: Path
    clock: Clock
    times: Times
    say: Say
    past: Past = field(default_factory=Past)
    stopping: bool = False
    beat_ms: Ms = 0
    files_wrong: str = ""

    def __post_init__(self) -> None:
        self.log = Log(self.root)
        self._seen_files: Mapping[str, int] = {}
        self._files_at: Ms = 0

    def open(self) -> Lock:
        """Take the workspace, take back what dead runs left, and find out what became of what was intended."""
        lock = take_lock(schedules_folder(self.root) / "scheduler.lock")
        if lock is None:
            write = "end the other one, or look at it: gameday schedule list"
            raise could_not_start("SCHEDULER_BUSY", "another scheduler looks after this workspace", write)
        self._follow()
        self.beat_ms = self.clock.wall()
        self.load()
        if any(not (run / "verdict.json").exists() for run in _runs(self.root)) and not self.times.recover():
            self.say("A run before left something behind: see gameday recover")
        for ident in sorted(self.past.active):
            self._ended(ident)
        return lock

    def load(self) -> None:
        """Read the files. A schedule counts from when it is first seen."""
        content, now = load_content(self.root), self.clock.now()
        new = [ident for ident in content.schedules if ident not in self.past.decided]
        self._write(*({"kind": "seen", "schedule": ident, "at": iso(now)} for ident in new))
        self.content, self.board = content, board_of(content, self.past, now, freezes_of(content))
        self._seen_files, self._files_at = _files(self.root), self.clock.wall()

    def run(self) -> None:
        """Look until told to stop. What goes on then goes on."""
        while not self.stopping:
            self.look()
            self.clock.sleep(self._rest())

    def _rest(self) -> Ms:
        most = round(LOOK_EVERY_MS * min(self.clock.speed, 60))
        upcoming = self.board.agenda.next_ms()
        return most if upcoming is None else max(1, min(most, upcoming - self.clock.now()))

    def look(self) -> None:
        """Once: what others wrote, what ended, what is due."""
        self.beat_ms = self.clock.wall()
        self._follow()
        self._load_again()
        for ident in sorted(self.past.active):
            self._ended(ident)
        for decision in self.board.due(self.past, self.clock.now()):
            self._act(decision)
            if self.stopping:
                return
        self.board.agenda.refill()

    # ---- what is decided
    def _act(self, decision: Decision) -> None:
        if decision.act == "skip":
            self._skip(decision.time, decision.reason, decision.says)
        elif decision.act == "fire":
            schedule = self.board.schedules[decision.time.schedule]
            found = unmet(self.content, schedule, self.clock)
            if found:
                return self._skip(decision.time, *found)
            self._write({"kind": "intended", **self._facts(decision.time)})
            self._begin(decision.time)

    def _begin(self, time: Time) -> None:
        pid = self.times.begin(time, self.board.schedules[time.schedule])
        if pid is not None:
            self._write({"kind": "started", "time": time.id, "schedule": time.schedule, "pid": pid, "at": self._now()})
            self.say(f"{time.id}: begun")

    def _skip(self, time: Time, reason: str, says: str) -> None:
        self._write({"kind": "skipped", **self._facts(time), "reason": reason, "says": says})
        self.say(f"{time.id}: skipped, {reason}: {says}")

    # ---- what became
    def _time(self, ident: str) -> Time | None:
        """The time that was intended last; None when its schedule is no more."""
        if ident not in self.board.schedules:
            return None
        due = from_iso(self.past.active[ident].partition("@")[2])
        return time_of(self.board.schedules[ident], due)

    def _ended(self, ident: str) -> None:
        """Write down what became of it, when it is over; nothing when none of it was begun."""
        time = self._time(ident)
        if time is None:
            lost = self.past.active[ident]
            self._write({"kind": "ended", "time": lost, "schedule": ident, "outcome": "unknown", "at": self._now(),
                         "says": "its schedule is no more"})  # fmt: skip
            return
        became = self.times.became(time, self.board.schedules[ident], self.past.started.get(time.id))
        if became is None:
            return
        if became.untouched and time.id not in self.past.started:
            self._again(time)
        elif became.reason:
            self._skip(time, became.reason, became.says)
        else:
            self._end(time, became)

    def _end(self, time: Time, became: Became) -> None:
        outcome = became.outcome or "unknown"  # its process was there, and left nothing at all
        self._write({"kind": "ended", "time": time.id, "schedule": time.schedule, "outcome": outcome,
                     "run": became.run, "says": became.says, "at": self._now()})  # fmt: skip
        self.say(f"{time.id}: {outcome} {became.run}")

    def _again(self, time: Time) -> None:
        """It was intended and nothing of it was begun: begin it, unless it is too late."""
        schedule = self.board.schedules[time.schedule]
        if self.clock.now() <= time.start + schedule.late or schedule.catch_up == "latest":
            self._begin(time)
        else:
            self._skip(time, "missed", "the scheduler died before it began it")

    # ---- files and log
    def _facts(self, time: Time) -> dict[str, Any]:
        return {"time": time.id, "schedule": time.schedule, "due": iso(time.due), "start": iso(time.start),
                "at": self._now()}  # fmt: skip

    def _now(self) -> str:
        return iso(self.clock.now())

    def _write(self, *lines: Mapping[str, Any]) -> None:
        if lines:
            self.log.append(*lines)
            self._follow()

    def _follow(self) -> None:
        for line in self.log.read():
            self.past.apply(line)

    def _load_again(self) -> None:
        """When a file changed. Files that are wrong now leave the schedules as they were."""
        if self.clock.wall() - self._files_at < FILES_EVERY_MS:
            return
        self._files_at = self.clock.wall()
        files = _files(self.root)
        if files == self._seen_files:
            return
        self._seen_files = files
        try:
            self.load()
            self.files_wrong = ""
        except GamedayError as error:
            self.files_wrong = str(error)
            self.say(f"The files are as they were, for these are wrong:\n{error}")


def _runs(root: Path) -> Iterator[Path]:
    from gameday.runs import all_runs, is_live

    return (run for run in all_runs(root) if not is_live(run))


def _files(root: Path) -> Mapping[str, int]:
    paths = [root / "gameday.yaml", *(root / "scenarios").rglob("*.yaml"), *(root / "observers").rglob("*.yaml")]
    return {str(path): path.stat().st_mtime_ns for path in paths if path.is_file()}
