"""The scheduler's log: ``.gameday/schedules/log.jsonl``, append-only, on disk before anything follows from it.

The scheduler and the commands that pause or resume append under a lock. A line that a crash left half is closed by the
next one that appends, and passed over by all who read.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

Line = Mapping[str, Any]


def schedules_folder(root: Path) -> Path:
    """Where the scheduler of a workspace keeps what it knows."""
    return root / ".gameday" / "schedules"


class Log:
    """The log of one workspace. ``read`` gives what was appended since the last time, by whomever."""

    def __init__(self, root: Path) -> None:
        self.path = schedules_folder(root) / "log.jsonl"
        self._read_to = 0

    def append(self, *lines: Line) -> None:
        """On disk when this returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        raw = "".join(json.dumps(line, sort_keys=True, ensure_ascii=False) + "\n" for line in lines).encode()
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            size = os.fstat(fd).st_size
            torn = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
            _write(fd, b"\n" + raw if torn else raw)
            os.fsync(fd)
        finally:
            os.close(fd)

    def read(self) -> Iterator[Line]:
        """What is new, in order."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._read_to)
                raw = file.read()
        except FileNotFoundError:
            return
        whole = raw[: raw.rfind(b"\n") + 1]
        self._read_to += len(whole)
        yield from parsed(whole.splitlines())


def _write(fd: int, raw: bytes) -> None:
    while raw:
        raw = raw[os.write(fd, raw) :]


def parsed(lines: Sequence[bytes]) -> Iterator[Line]:
    """Those that are whole."""
    for line in lines:
        try:
            held = json.loads(line)
        except ValueError:
            continue
        if isinstance(held, dict) and isinstance(held.get("kind"), str):
            yield held
