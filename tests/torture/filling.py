"""Fill the disk at every write of a day's journal, and see what is left.

The process forks before a write, as in ``killing``; but the child's conductor lives and goes on, and from this write on
the journal finds no room, and the ledger only what it had reserved. The parent waits, puts all back as it was, and
goes on to the next write.
"""

from __future__ import annotations

import errno
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from gameday.errors import RunBroke
from gameday.journal.store import read
from gameday.runs import LOCK
from gameday.wiring.locks import take_lock
from gameday.wiring.recovering import dead_runs, recover
from tests.torture.killing import Count, Torn, Torture, _say

FILES = ("journal.jsonl", "undo.jsonl")


class Filling(Torture):
    """One day whose disk is full from some write on."""

    into: int | None = None  # in a child: where to tell what came of it
    full = False

    def boundary(self, kind: str, torn: Torn | None = None) -> None:
        if self.alive and kind == "journal: before":
            number, self.number = self.number, self.number + 1
            self.count.boundaries[kind] += 1
            if number % self.every == self.first % self.every:
                self._fill(kind, number)
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _before(self, file: str, offset: int, data: bytes) -> None:
        """The ledger's space was reserved before: only the journal grows."""
        if file == "journal":
            self.boundary("journal: before")

    def _written(self, file: str, data: bytes) -> None:
        self._pending[file] = data

    def _synced(self, file: str) -> None:
        if self.alive and file == "journal":
            self.journalled += self._pending[file]

    def _fill(self, kind: str, number: int) -> None:
        files = [*map(self.day.folder.joinpath, FILES), *(self.day.folder / "inbox").glob("*.json")]
        held = {path: path.read_bytes() for path in files if path.exists()}
        out, into = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(out)
            self.alive, self.into, self.full = False, into, True
            self.day.truth.account.told = lambda call: None
            return
        os.close(into)
        with os.fdopen(out, "rb") as file:
            said = json.loads(file.read() or b'{"left": [], "lost": [], "wrong": "the child died", "way": ""}')
        os.waitpid(child, 0)
        for path, data in held.items():
            _put_back(path, data)
        self._tally(f"{kind} {number}", said)

    def _tally(self, where: str, said: dict[str, Any]) -> None:
        self.count.kills["recover"] += 1
        self.count.left["recover"] += bool(said["left"])
        self.count.lost["recover"] += bool(said["lost"])
        self.count.ways[said["way"]] += 1
        if said["left"] or said["lost"] or said["wrong"]:
            self.count.wrong.append(f"day that ends by {self.day.ends}, {where}: {said}")

    def walk(self) -> Count:
        try:
            return super().walk()
        except (RunBroke, OSError) as error:
            if self.into is None:
                raise
            broke = error
        _say(self.into, lambda: self._afterwards(broke))
        raise AssertionError("nobody comes here")

    def _afterwards(self, error: Exception) -> dict[str, Any]:
        """What the dying conductor left, with the disk still full; then there is room again, and recover comes."""
        left = list(self.day.truth.all)
        self.full = False
        lock = take_lock(self.day.folder / LOCK)
        assert lock is not None
        lock.release()
        found = recover(self.day.root, self.day.folder, self.day.world())
        wrong = "" if found and found.clean and not dead_runs(self.day.root) else f"not recovered: {found}"
        lost = not (self.day.folder / "journal.jsonl").read_bytes().startswith(self.journalled)
        held = Counter(
            str(e.what["command"]) for e in read(self.day.folder / "journal.jsonl")[0] if "command" in e.what
        )
        wrong += "".join(f" command {c} {held[c]} times" for c in self.day.dropped if held[c] != 1)
        return {"left": left + self.day.truth.all, "lost": lost, "wrong": wrong, "way": type(error).__name__}


def _put_back(path: Path, data: bytes) -> None:
    """In place, since the parent has it open."""
    with path.open("r+b" if path.exists() else "wb") as file:
        file.write(data)
        file.truncate()
