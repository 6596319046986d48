"""Processes of a rehearsal, known by pid and start time, so that a pid used again is never killed."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

PRIORITY = -5
AUTOGROUP = Path("/proc/self/autogroup")
WRITTEN = {"pid": int, "started": int, "endpoint": str, "speed": float, "anchor": dict, "kept": bool, "pieces": dict}


def started(pid: int) -> int:
    """The start time of a process in clock ticks since boot; 0 when it is not there (or already a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in "ZX" else int(fields[19])


def stopped(pid: int) -> bool:
    """Whether it is there but stands still (SIGSTOP, or a debugger has it)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] in "Tt"
    except OSError:
        return False


def alive(pid: int, start: int | None = None) -> bool:
    """Whether the process is there, and is the one that started then."""
    found = started(pid)
    return found != 0 and start in (None, found)


def go_first() -> None:
    """Before whatever else the machine does, where that is allowed (root): it keeps a busy machine from disturbing.

    Linux weighs sessions first where it groups by them (sched_autogroup), and then a process's own priority counts
    only within its session: so the session is told too.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    with suppress(OSError):
        AUTOGROUP.write_text(str(PRIORITY), "ascii")


def read_state(state: Path) -> dict[str, Any] | None:
    """What a daemon wrote of itself; None when there is nothing, or nothing that a daemon of today writes."""
    try:
        held = json.loads(state.read_text("utf-8"))
        whole = isinstance(held, dict) and all(isinstance(held[key], kind) for key, kind in WRITTEN.items())
        whole = whole and all(isinstance(p["pid"], int) and "started" in p for p in held["pieces"].values())
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return held if whole else None


def kill_leftovers(state: Path) -> list[int]:
    """Kill the pieces that a dead daemon left; returns their pids. A living daemon's are left alone."""
    held = read_state(state)
    if held is None or alive(held["pid"], held["started"]):
        return []
    gone = []
    for piece in held["pieces"].values():
        if piece["started"] and alive(piece["pid"], piece["started"]):
            with suppress(ProcessLookupError):
                os.kill(piece["pid"], signal.SIGKILL)
                gone.append(piece["pid"])
    with suppress(OSError):
        state.unlink()
    return gone
