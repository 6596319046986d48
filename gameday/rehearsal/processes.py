"""Processes of a rehearsal, known by pid and start time, so that a pid used again is never killed."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path


def started(pid: int) -> int:
    """The start time of a process in clock ticks since boot; 0 when it is not there (or already a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in "ZX" else int(fields[19])


def alive(pid: int, start: int | None = None) -> bool:
    """Whether the process is there, and is the one that started then."""
    found = started(pid)
    return found != 0 and start in (None, found)


def kill_leftovers(state: Path) -> list[int]:
    """Kill the pieces that a dead daemon left; returns their pids. A living daemon's are left alone."""
    try:
        held = json.loads(state.read_text("utf-8"))
    except (OSError, ValueError):
        return []
    if alive(held.get("pid", -1), held.get("started")):
        return []
    gone = []
    for piece in held.get("pieces", {}).values():
        if piece.get("started") and alive(piece["pid"], piece["started"]):
            with suppress(ProcessLookupError):
                os.kill(piece["pid"], signal.SIGKILL)
                gone.append(piece["pid"])
    with suppress(OSError):
        state.unlink()
    return gone
