"""The undo ledger: what must be taken back, on disk before it is done.

Each line is fsynced before the effect it speaks of. Space is reserved, so that a full disk cannot keep undo from
being recorded; the reserved tail is NUL bytes, which a reader passes over. Undo and ``recover`` read nothing else.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gameday.errors import DamagedRun, Place, Problem

RESERVED = 256 * 1024


@dataclass
class Leftover:
    """Something injected that has not been seen gone: who can undo it, and all that is known of it."""

    step: str
    provider: str
    trace: dict[str, str] = field(default_factory=dict)


def _lines(path: Path) -> list[dict[str, Any]]:
    """All whole lines; a torn last one is passed over, since its effect had not begun. DamagedRun for any other."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return []
    *whole, _torn = raw.rstrip(b"\0").split(b"\n")
    found = []
    for number, line in enumerate(whole, 1):
        try:
            record = json.loads(line)
            found.append({"op": str(record["op"]), "step": str(record["step"]), **record})
        except (ValueError, KeyError, TypeError) as error:
            write = "look for experiments tagged with this run in the account and stop them by hand"
            what, place = f"line {number} cannot be read ({error})", Place(str(path), number)
            raise DamagedRun(Problem("LEDGER_DAMAGED", what, write, place)) from error
    return found


def outstanding(path: Path) -> list[Leftover]:
    """What was intended and not seen gone, oldest first: the fold of the ledger."""
    found: dict[str, Leftover] = {}
    for line in _lines(path):
        if line["op"] == "intend":
            found[line["step"]] = Leftover(line["step"], str(line["provider"]), dict(line["facts"]))
        elif line["op"] == "note" and line["step"] in found:
            found[line["step"]].trace.update(line["facts"])
        elif line["op"] == "gone":
            found.pop(line["step"], None)
    return list(found.values())


class Ledger:
    """An open ledger. Each method returns after its line is on disk; OSError when it cannot be."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._one_at_a_time = threading.Lock()  # faults start in threads, and each notes what it learns
        kept = b"".join(json.dumps(line).encode() + b"\n" for line in _lines(path))
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._end = len(path.read_bytes().rstrip(b"\0").rpartition(b"\n")[0]) + 1 if kept else 0
        self._wipe_torn_tail()
        os.posix_fallocate(self._file, 0, self._end + RESERVED)
        os.fsync(self._file)

    def _wipe_torn_tail(self) -> None:
        os.ftruncate(self._file, self._end)

    def intend(self, step: str, provider: str, facts: dict[str, str]) -> None:
        """Something is about to be injected."""
        self._write({"op": "intend", "step": step, "provider": provider, "facts": facts})

    def note(self, step: str, facts: dict[str, str]) -> None:
        """More is known of it, for example an experiment's id."""
        self._write({"op": "note", "step": step, "facts": facts})

    def gone(self, step: str) -> None:
        """It was seen gone, and nothing is left behind."""
        self._write({"op": "gone", "step": step})

    def _write(self, record: dict[str, Any]) -> None:
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        with self._one_at_a_time:
            at = self._end
            while line:
                done = os.pwrite(self._file, line, at)
                line, at = line[done:], at + done
            os.fsync(self._file)
            self._end = at

    def close(self) -> None:
        """Give back what was reserved and not used."""
        os.ftruncate(self._file, self._end)
        os.close(self._file)
