"""The journal's file: append one event, fsynced; read all, checking the chain.

Only the conductor appends, under an epoch. Taking over a run is itself an event (``conductor.claimed``, epoch + 1), so
a conductor whose append collides with a claim sees it and stops at once (design: semantics, "Who writes what").
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from gameday.errors import DamagedRun, Place, Problem
from gameday.journal.events import Draft, Event

FIRST = hashlib.sha256(b"").hexdigest()


class Superseded(RuntimeError):
    """Another conductor has claimed this run; this one must stop."""


@dataclass(frozen=True)
class Damage:
    """A torn last line, which a crash may leave: how many bytes of it there are, and after which event."""

    after_seq: int
    torn_bytes: int


def damaged(path: Path, line: int, what: str) -> DamagedRun:
    """A DamagedRun that names the line."""
    write = "restore the file from a copy; a run whose journal was altered cannot be judged"
    return DamagedRun(Problem("JOURNAL_DAMAGED", what, write, Place(str(path), line)))


def _parse(path: Path, number: int, line: bytes, prev: str) -> Event:
    try:
        event = Event.parse(line)
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(path, number, f"line {number} is not an event ({error})") from error
    if event.seq != number or event.prev != prev:
        raise damaged(path, number, f"line {number} does not follow the line before it: one was changed or removed")
    return event


def read(path: Path) -> tuple[list[Event], Damage | None]:
    """All events, and the torn last line if there is one. DamagedRun when the chain is broken or the file is gone."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise damaged(path, 1, f"the journal cannot be read ({error.strerror})") from error
    *lines, tail = raw.split(b"\n")
    events: list[Event] = []
    prev = FIRST
    for number, body in enumerate(lines, 1):
        line = body + b"\n"
        events.append(_parse(path, number, line, prev))
        prev = hashlib.sha256(line).hexdigest()
    return events, Damage(len(events), len(tail)) if tail else None


class Journal:
    """An open journal. Appends are fsynced before they return; OSError when the disk is full."""

    def __init__(self, path: Path, events: list[Event]) -> None:
        self.path = path
        self.epoch = events[-1].epoch if events else 0
        self._seq = len(events)
        self._prev = hashlib.sha256(events[-1].line()).hexdigest() if events else FIRST
        self._file = os.open(path, os.O_RDWR)
        self._end = sum(len(e.line()) for e in events)

    @classmethod
    def create(cls, path: Path) -> Journal:
        """A new, empty journal; FileExistsError when there is one."""
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        return cls(path, [])

    @classmethod
    def open(cls, path: Path) -> Journal:
        """An existing journal; a torn last line is overwritten by the next append."""
        return cls(path, read(path)[0])

    def claim(self, pid: int, at: int, wall: int) -> Event:
        """Take this run over: the next number, under the next epoch."""
        self.epoch += 1
        return self.append(Draft("conductor.claimed", {"pid": pid}), at, wall)

    def append(self, draft: Draft, at: int, wall: int) -> Event:
        """Write one event and fsync it. Superseded when somebody else has appended since."""
        event = Event(self._seq + 1, self.epoch, at, wall, self._prev, draft.type, draft.who, draft.what)
        line = event.line()
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            self._write(line)
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self._seq, self._end = event.seq, self._end + len(line)
        self._prev = hashlib.sha256(line).hexdigest()
        return event

    def _write(self, line: bytes) -> None:
        ahead = os.pread(self._file, 1 << 20, self._end)
        if b"\n" in ahead:
            raise Superseded(f"{self.path} was continued by another conductor")
        os.ftruncate(self._file, self._end)
        try:
            view = memoryview(line)
            while view:
                done = os.pwrite(self._file, view, self._end + len(line) - len(view))
                view = view[done:]
        except OSError:
            os.ftruncate(self._file, self._end)  # a half line must not stay behind on a full disk
            raise
        os.fsync(self._file)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
