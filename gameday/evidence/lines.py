"""A sealed journal, line by line: its chain of hashes, across lines that were withheld.

A withheld line is ``{"withheld": SEQ, "sha256": HASH}``, the hash being that of the line it stands for. The chain goes
on through it, so every other line, and the head that was signed, can be checked as before. Since each line holds a
salt, its hash tells nothing of what it said.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gameday.errors import Place, Problem
from gameday.evidence.bag import JOURNAL
from gameday.journal.events import Event
from gameday.journal.store import FIRST

CHANGED = "the bag as it was sealed, from its sealer"


@dataclass(frozen=True)
class Lines:
    """What can be read of a journal. ``hashes`` are of all lines in order; ``withheld`` are numbers of lines."""

    hashes: Sequence[str]
    events: Sequence[Event]
    withheld: Sequence[int]
    problems: Sequence[Problem]


def stub(seq: int, sha256: str) -> bytes:
    """The line that stands for one that is withheld."""
    return json.dumps({"withheld": seq, "sha256": sha256}, separators=(",", ":")).encode() + b"\n"


def read_lines(raw: bytes) -> Lines:
    """All of it. JOURNAL_BROKEN names the first line that does not follow from the one before."""
    hashes, events, withheld, problems = list[str](), list[Event](), list[int](), list[Problem]()
    for number, line in enumerate(raw.splitlines(keepends=True), 1):
        prev = hashes[-1] if hashes else FIRST
        try:
            hashes.append(_one(line, number, prev, events, withheld))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            hashes.append(hashlib.sha256(line).hexdigest())
            what = f"line {number} of the journal does not follow from the line before: it, or that one, was changed"
            problems.append(Problem("JOURNAL_BROKEN", what, CHANGED, Place(JOURNAL, number)))
    return Lines(hashes, events, withheld, problems[:1])


def _one(line: bytes, number: int, prev: str, events: list[Event], withheld: list[int]) -> str:
    """The hash that the next line must name; ValueError and the like when this line is not what must stand here."""
    record = json.loads(line)
    if "withheld" in record:
        sha256 = str(record["sha256"])
        if stub(number, sha256) != line:
            raise ValueError("no stub of this line")
        withheld.append(number)
        return sha256
    event = Event.parse(line)
    if (event.seq, event.prev) != (number, prev) or event.line() != line:
        raise ValueError("it does not follow")
    events.append(event)
    return hashlib.sha256(line).hexdigest()


def first_effect(events: Sequence[Event]) -> Event | None:
    """The first fault that was asked for; None when none was."""
    return next((event for event in events if event.type == "fault.requested"), None)


def told(events: Sequence[Event], kind: str) -> list[Mapping[str, object]]:
    """What the events of this type say."""
    return [event.what for event in events if event.type == kind]
