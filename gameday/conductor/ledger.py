"""The undo ledger: what must be taken back, on disk before it is done.

Each line is fsynced before the effect it speaks of, and carries a check sum. Space is reserved, so that a full disk
cannot keep undo from being recorded; the reserved tail is NUL bytes, which a reader passes over. Undo and ``recover``
read nothing else, so reading never raises for what a line holds: it returns what can be read, and names the rest.
"""

from __future__ import annotations

import json
import os
import re
import threading
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gameday.errors import Place, Problem

RESERVED = 256 * 1024
LEAST = 64 * 1024
"""Bytes kept free before an effect, so that what follows it (notes, gone) finds room on a disk that is full by then."""
_BEGIN = b'{"op":"'
_RECORDS = re.compile(
    rb'(?=\{"op":"(?:intend|note|gone|engage|release)","step":")'
)  # where a record begins when a newline is lost
_WRITE = "look for experiments tagged with this run in the account and stop them by hand"


@dataclass
class Leftover:
    """Something injected that has not been seen gone: who can undo it, and all that is known of it."""

    step: str
    provider: str
    trace: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outstanding:
    """What the ledger says is left, oldest first, and each line of it that is damaged (LEDGER_DAMAGED)."""

    left: list[Leftover]
    damaged: list[Problem]
    over: frozenset[str] = frozenset()
    """Steps that it says were seen gone."""
    engaged: dict[str, dict[str, str]] = field(default_factory=dict)
    """Safety levers by account and Region that were engaged and not released: a person does that, undo never."""


def outstanding(path: Path) -> Outstanding:
    """What was intended and not seen gone: the fold of the ledger. Never raises.

    A damaged line hides nothing else. One that still reads as JSON is believed when it says that something is there
    (to stop once too often harms nothing), never when it says that something is gone.
    """
    fold, damaged = _Fold(), []
    try:
        raw = _read(path)
    except OSError as error:
        return Outstanding([], [_damage(path, 1, f"it cannot be read ({error})")])
    for number, record, sound in _records(raw):
        if record is not None and (sound or record.get("op") not in ("gone", "release")):
            sound = fold.take(record) and sound
        if not sound:
            fold.distrust()
            damaged.append(_damage(path, number, f"line {number} is not what was written"))
    return Outstanding(list(fold.left.values()), damaged, frozenset(fold.over), fold.engaged)


def _damage(path: Path, line: int, what: str) -> Problem:
    return Problem("LEDGER_DAMAGED", f"the undo ledger is damaged: {what}", _WRITE, Place(str(path), line))


class _Fold:
    """Leftovers by step. A note whose intend is lost in a damaged line makes the leftover known again."""

    def __init__(self) -> None:
        self.left: dict[str, Leftover] = {}
        self.over: set[str] = set()
        self.engaged: dict[str, dict[str, str]] = {}
        self._whole = True

    def distrust(self) -> None:
        """A line was damaged: it may have been the intend of any step, one seen gone before included."""
        self._whole = False
        self.over.clear()

    def take(self, record: dict[str, Any]) -> bool:
        """Apply one record; False when it lacks what its kind must have."""
        try:
            step, op = str(record["step"]), record["op"]
            if op == "gone":
                self.left.pop(step, None)
                self.over.add(step)
                return True
            facts = {str(key): str(value) for key, value in record["facts"].items()}
            if op in ("engage", "release"):
                return self._lever(op, step, facts)
            return op in ("intend", "note") and self._there(op, step, facts, str(record["provider"]))
        except (KeyError, AttributeError):
            return False

    def _lever(self, op: str, place: str, facts: dict[str, str]) -> bool:
        if op == "engage":
            self.engaged[place] = facts
        else:
            self.engaged.pop(place, None)
        return True

    def _there(self, op: str, step: str, facts: dict[str, str], provider: str) -> bool:
        if op == "intend":
            self.left.pop(step, None)  # intended again: it is now the newest
            self.left[step] = Leftover(step, provider, facts)
        elif step in self.left:
            self.left[step].trace.update(facts)
        elif not self._whole and provider and step not in self.over:
            self.left[step] = Leftover(step, provider, facts)
        return True


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _records(raw: bytes) -> Iterator[tuple[int, dict[str, Any] | None, bool]]:
    """Line number, record (None when it is no JSON) and whether it is as it was written.

    A last line that was cut off while it was written is passed over: its effect had not begun.
    """
    body, cut = _kept(raw)
    for number, line in enumerate(body[:cut].split(b"\n"), 1):
        pieces = [line] if _record(line)[1] else _RECORDS.split(line)
        yield from ((number, *_record(piece)) for piece in pieces if piece)


def _kept(raw: bytes) -> tuple[bytes, int]:
    """The bytes before the reserved tail, and how many of them are not a torn last line."""
    body = raw.rstrip(b"\0")
    begin = body.rfind(b"\n") + 1
    last = body[begin:]
    torn = (last.startswith(_BEGIN) or _BEGIN.startswith(last)) and _record(last)[0] is None
    return body, begin if torn else len(body)


def _record(piece: bytes) -> tuple[dict[str, Any] | None, bool]:
    text = piece.lstrip(b"\0").decode("utf-8", "replace")
    try:
        record, end = json.JSONDecoder().raw_decode(text)
        if not isinstance(record, dict):
            return None, False
        return record, end == len(text) and piece == _line(record).rstrip(b"\n")
    except (ValueError, RecursionError):
        return None, False


def _line(record: dict[str, Any]) -> bytes:
    """The exact bytes of a record's line; its last key is a CRC-32 over what comes before."""
    facts = {key: value for key, value in record.items() if key != "sum"}
    text = json.dumps(facts, ensure_ascii=True, separators=(",", ":"))
    return f'{text[:-1]},"sum":"{zlib.crc32(text.encode()):08x}"}}\n'.encode()


class Ledger:
    """An open ledger. Each method returns after its line is on disk; OSError when it cannot be."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._one_at_a_time = threading.Lock()  # faults start in threads, and each notes what it learns
        raw = _read(path)
        body, self._end = _kept(raw)
        self._providers = {left.step: left.provider for left in outstanding(path).left}
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._wipe_torn_tail()
        if self._end and body[self._end - 1 : self._end] != b"\n":
            self._put(b"\n")  # a whole record, or a damaged one that stays to be seen, whose newline was lost
        self._reserve(RESERVED)
        _sync_folder(path.parent)

    def _wipe_torn_tail(self) -> None:
        os.ftruncate(self._file, self._end)

    def _reserve(self, size: int) -> None:
        os.posix_fallocate(self._file, self._end, size)
        os.fsync(self._file)
        self._reserved = self._end + size

    def _make_room(self, size: int) -> None:
        if self._reserved - self._end - size < LEAST:
            self._reserve(RESERVED + size)

    def intend(self, step: str, provider: str, facts: dict[str, str]) -> None:
        """Something is about to be injected. OSError, before anything is done, when the disk has no room for it and
        for what follows it."""
        line = _line({"op": "intend", "step": step, "provider": provider, "facts": facts})
        with self._one_at_a_time:
            self._make_room(len(line))
            self._put(line)
            self._providers[step] = provider

    def note(self, step: str, facts: dict[str, str]) -> None:
        """More is known of it, for example an experiment's id."""
        line = _line({"op": "note", "step": step, "provider": self._providers.get(step, ""), "facts": facts})
        with self._one_at_a_time:
            with suppress(OSError):  # it may tell of what is there already: then it takes of the room that is kept
                self._make_room(len(line))
            self._put(line)

    def gone(self, step: str) -> None:
        """It was seen gone, and nothing is left behind."""
        with self._one_at_a_time:
            self._put(_line({"op": "gone", "step": step}))

    def engage(self, place: str, facts: dict[str, str]) -> None:
        """The safety lever of this account and Region is about to be engaged."""
        with self._one_at_a_time:
            self._put(_line({"op": "engage", "step": place, "facts": facts}))

    def release(self, place: str, facts: dict[str, str]) -> None:
        """A person has disengaged it."""
        with self._one_at_a_time:
            self._put(_line({"op": "release", "step": place, "facts": facts}))

    def _put(self, line: bytes) -> None:
        """Write behind what is there; what failed half way is wiped, so that no shorter line leaves a rest of it."""
        try:
            _write(self._file, line, self._end)
            os.fsync(self._file)
        except OSError:
            with suppress(OSError):
                _write(self._file, b"\0" * len(line), self._end)
            raise
        self._end += len(line)

    def close(self) -> None:
        """Give back what was reserved and not used."""
        os.ftruncate(self._file, self._end)
        os.close(self._file)


def _write(file: int, raw: bytes, at: int) -> None:
    while raw:
        done = os.pwrite(file, raw, at)
        raw, at = raw[done:], at + done


def _sync_folder(folder: Path) -> None:
    """So that a new file's name, too, survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
