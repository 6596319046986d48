"""A time of a schedule begun as ``gameday run ... --unattended`` in a process of its own, and what became of it.

Each has a folder below ``.gameday/schedules/times/``: ``lock``, which the process holds by an inherited descriptor, so
that the kernel says whether it goes on, whoever began it; ``out.json``, what it printed; ``err.log``, what it said.
What became of it is read from these and from the run's folder alone, so it does not matter who began it.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gameday.clock import to_datetime
from gameday.journal.state import fold
from gameday.journal.store import read
from gameday.model.schedule import Schedule
from gameday.runs import JOURNAL, all_runs
from gameday.schedules.due import Time
from gameday.schedules.log import schedules_folder

GAMEDAY = (sys.executable, "-m", "gameday")
RECOVER_WITHIN_S = 900
_REASONS = {
    "SERVICE_BUSY": "service busy", "INCIDENT_OPEN": "open incident", "INCIDENT_NOT_SHOWN": "open incident",
    "SAFETY_LEVER_ENGAGED": "safety lever", "APPROVAL_MISSING": "approval", "APPROVAL_EXPIRED": "approval",
    "PLAN_DRIFTED": "approval", "LEFTOVERS": "previous run not closed", "GUARD_ALARM_RINGING": "open alarm",
}  # fmt: skip
_ERROR = re.compile(r"error ([A-Z][A-Z0-9_]+): (.*)")


@dataclass(frozen=True)
class Became:
    """``outcome`` of a run that ended; or ``reason`` why there was none; or ``untouched``: nothing of it was begun."""

    outcome: str = ""
    run: str = ""
    reason: str = ""
    says: str = ""
    untouched: bool = False


@dataclass
class Times:
    """The processes of one workspace. ``command`` is what is run; tests hand in a recorded one."""

    root: Path
    command: Sequence[str] = GAMEDAY
    _ours: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def folder(self, time: Time) -> Path:
        """Of this time, by when it is due."""
        stamp = to_datetime(time.due).strftime("%Y%m%dT%H%M%SZ")
        return schedules_folder(self.root) / "times" / f"{time.schedule}@{stamp}"

    def begin(self, time: Time, schedule: Schedule) -> int | None:
        """Begin it; its process id, or None when it goes on already."""
        folder = self.folder(time)
        folder.mkdir(parents=True, exist_ok=True)
        lock = _taken(folder)
        if lock is None:
            return None
        try:
            with (folder / "out.json").open("wb") as out, (folder / "err.log").open("wb") as err:
                child = subprocess.Popen(
                    self.words(time, schedule), cwd=self.root, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                    pass_fds=(lock,), start_new_session=True,
                )  # fmt: skip
        finally:
            os.close(lock)
        self._ours[time.id] = child
        return child.pid

    def words(self, time: Time, schedule: Schedule) -> list[str]:
        """The command line of this time."""
        words = [*self.command, "run", schedule.scenario, "--environment", schedule.environment,
                 "--unattended", "--json"]  # fmt: skip
        return words + (["--speed", str(schedule.speed)] if schedule.speed else [])

    def became(self, time: Time, schedule: Schedule, pid: int | None) -> Became | None:
        """What became of it; None while it goes on. A run whose conductor died is taken back first."""
        child = self._ours.get(time.id)
        if child is not None and child.poll() is None:
            return None
        folder = self.folder(time)
        lock = _taken(folder) if folder.exists() else -1
        if lock is None:
            return None
        if lock >= 0:
            os.close(lock)
        self._ours.pop(time.id, None)
        return _printed(folder) or self._died(time, schedule, pid) or _refused(folder)

    def _died(self, time: Time, schedule: Schedule, pid: int | None) -> Became | None:
        """A run that this time began, and that printed no verdict."""
        run = next((r for r in reversed(all_runs(self.root)) if _is_of(r, time, schedule, pid)), None)
        if run is None:
            return None
        self.recover(run.name)
        with suppress(OSError, ValueError, KeyError):
            return Became(
                json.loads((run / "verdict.json").read_text())["outcome"], run.name, says="its conductor died"
            )
        return Became("unknown", run.name, says="its conductor died, and it could not be taken back")

    def recover(self, *words: str) -> bool:
        """``gameday recover``; whether nothing is left."""
        done = subprocess.run([*self.command, "recover", *words], cwd=self.root, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, timeout=RECOVER_WITHIN_S, check=False)  # fmt: skip
        return done.returncode == 0


def _taken(folder: Path) -> int | None:
    """The lock of a time; None while its process holds it."""
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def _printed(folder: Path) -> Became | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        found: dict[str, Any] = json.loads((folder / "out.json").read_text())
        return Became(found["outcome"], found["run"])
    return None


def _is_of(run: Path, time: Time, schedule: Schedule, pid: int | None) -> bool:
    """By its process, where that is known; else by scenario, environment and when it began."""
    if run.name[:13] < to_datetime(time.due).strftime("%Y%m%d-%H%M"):
        return False
    events, _ = read(run / JOURNAL)
    state = fold(events)
    pids = [event.what.get("pid") for event in events if event.type == "conductor.claimed"][:1]
    same = (state.scenario, state.environment) == (schedule.scenario, schedule.environment)
    return same and (pid is None or pids == [pid])


def _refused(folder: Path) -> Became:
    """What it said before there was a run."""
    try:
        said = (folder / "err.log").read_text("utf-8", "replace").strip()
    except OSError:
        said = ""
    if not said:
        return Became(untouched=True)
    if found := _ERROR.findall(said):
        code, message = found[-1]
        return Became(reason=_REASONS.get(code, "preflight"), says=f"{code}: {message}")
    if "Stopped before it began" in said:
        return Became("stopped", says="it was told to stop before it began")
    return Became("unknown", says=said.splitlines()[-1][:300])
