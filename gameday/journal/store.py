"""The file store of the journal: append, fsynced and chained, and read, verified.

Each line holds the SHA-256 of the line before it, with its newline; the first holds that of nothing. A last line
without a newline was never acknowledged and is cut off; anything else that does not fit is damage.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gameday.clock import Ms, wall_ms
from gameday.errors import DamagedRun, Place, Problem
from gameday.journal.events import Draft, Event

FIRST = hashlib.sha256(b"").hexdigest()


def _salt() -> str:
    return secrets.token_hex(16)


@dataclass(frozen=True)
class Damage:
    """A torn tail: so many bytes after ``offset`` were never a whole line."""

    offset: int
    size: int


class Superseded(DamagedRun):
    """Another conductor has claimed this run; this one must stop at once."""


class Journal:
    """An open journal; only the conductor that claimed it appends."""

    def __init__(self, path: Path, last: Event | None, size: int, salt: Callable[[], str] = _salt) -> None:
        self.path, self._salt = path, salt
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        self._size = size
        self._seq = last.seq + 1 if last else 1
        self._prev = _digest(last.line()) if last else FIRST
        self._at = last.at if last else 0
        self.epoch = last.epoch if last else 0

    @classmethod
    def create(cls, path: Path) -> Journal:
        """A new, empty journal; FileExistsError when there is one already."""
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        _sync_folder(path.parent)
        return cls(path, None, 0)

    @classmethod
    def open(cls, path: Path) -> Journal:
        """Continue an existing journal; a torn tail is cut off. DamagedRun when the chain is broken."""
        events, damage = read(path)
        size = path.stat().st_size - (damage.size if damage else 0)
        if damage:
            os.truncate(path, damage.offset)
        return cls(path, events[-1] if events else None, size)

    def append(self, draft: Draft, at: Ms, wall: Ms) -> Event:
        """Write one event and fsync it. OSError leaves the file as it was; Superseded when somebody else wrote."""
        event = Event(self._seq, self.epoch, at, wall, self._prev, draft.type, draft.who, dict(draft.what),
                      self._salt())  # fmt: skip
        self._write(event)
        return event

    def claim(self, pid: int, at: Ms | None = None, wall: Ms | None = None) -> Event:
        """Take the run over under a new epoch; the claim occupies the next number of the journal."""
        draft = Draft("conductor.claimed", {"pid": pid})
        wall = wall_ms() if wall is None else wall
        at = (self._at or wall) if at is None else at
        event = Event(self._seq, self.epoch + 1, at, wall, self._prev, draft.type, draft.who, draft.what,
                      self._salt())  # fmt: skip
        self._write(event)
        self.epoch += 1
        return event

    def close(self) -> None:
        """Release the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _write(self, event: Event) -> None:
        line = event.line()
        with self._alone():
            try:
                _write_all(self._fd, line)
                os.fsync(self._fd)
            except OSError:
                os.ftruncate(self._fd, self._size)
                raise
        self._size += len(line)
        self._seq, self._prev, self._at = event.seq + 1, _digest(line), event.at

    @contextmanager
    def _alone(self) -> Iterator[None]:
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        try:
            if os.fstat(self._fd).st_size != self._size:
                raise Superseded(
                    Problem(
                        "RUN_TAKEN_OVER",
                        "another conductor writes this journal",
                        "let the other one go on; this one stops",
                        Place(str(self.path)),
                    )
                )
            yield
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)


def read(path: Path) -> tuple[list[Event], Damage | None]:
    """All events in order, and the torn tail if there is one; DamagedRun when a line does not fit the chain."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise _damaged(path, 1, f"cannot be read: {error.strerror}") from error
    whole = raw.rfind(b"\n") + 1
    damage = Damage(whole, len(raw) - whole) if whole < len(raw) else None
    return list(_events(path, raw[:whole])), damage


def _events(path: Path, raw: bytes) -> Iterator[Event]:
    prev, epoch = FIRST, 0
    for number, line in enumerate(raw.splitlines(keepends=True), start=1):
        try:
            event = Event.parse(line)
        except (ValueError, KeyError, TypeError) as error:
            raise _damaged(path, number, "is not an event") from error
        if event.seq != number or event.prev != prev or event.epoch < epoch:
            raise _damaged(path, number, "does not follow from the line before")
        prev, epoch = _digest(line), event.epoch
        yield event


def _damaged(path: Path, line: int, why: str) -> DamagedRun:
    write = "restore the file from a copy; evidence from this run cannot be trusted"
    return DamagedRun(Problem("JOURNAL_DAMAGED", f"line {line} {why}", write, Place(str(path), line)))


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
