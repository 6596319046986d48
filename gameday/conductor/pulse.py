"""The pulse of a conductor: a small file in the run's folder by which another process sees that it lives.

It holds who conducts and when the last turn was, on the monotonic clock, which all processes of a machine share and no
correction of the time moves. A full disk does not stop it: it is written in place.
"""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

PULSE = "pulse.json"
WIDTH = 128
EVERY_S = 0.2


class Pulse:
    """Written by the conductor's turns, so that it stops when they do. OSError never: a pulse that cannot be written
    is a missing one, and others act on that."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / PULSE
        self._who = identity(os.getpid())
        self._file = -1
        self._written = 0.0
        self.last = time.monotonic()

    def beat(self) -> None:
        """A turn has come."""
        self.last = time.monotonic()
        if self.last - self._written >= EVERY_S:
            self._written = self.last
            with suppress(OSError):
                self._write()

    def _write(self) -> None:
        if self._file < 0:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        record = json.dumps({"conductor": self._who, "monotonic_ns": time.monotonic_ns()})
        os.pwrite(self._file, record.ljust(WIDTH).encode(), 0)

    def age_s(self) -> float:
        """Seconds since the last turn."""
        return time.monotonic() - self.last

    def close(self) -> None:
        """Nothing is written any more."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def silent_s(run_dir: Path) -> float | None:
    """Wall seconds since the last turn of whoever conducted this run last; None when that cannot be told."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        written = int(_read(run_dir)["monotonic_ns"])
        return (time.monotonic_ns() - written) / 1e9
    return None


def end_silent(run_dir: Path) -> bool:
    """Kill the conductor whose pulse this is, if it is still that process: one that hangs must not go on later, beside
    those who have taken its run over. Whether there was one."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        who = str(_read(run_dir)["conductor"])
        pid = int(who.partition(":")[0])
        if who and identity(pid) == who:
            os.kill(pid, signal.SIGKILL)
            return True
    return False


def _read(run_dir: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run_dir / PULSE).read_bytes()[:WIDTH])
    return found


def identity(pid: int) -> str:
    """``pid:start``, which no later process shares; nothing for one that has died and was not yet buried by its parent,
    or where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        return "" if fields[0] in ("Z", "X") else f"{pid}:{fields[19]}"
    except (OSError, IndexError):
        return ""
