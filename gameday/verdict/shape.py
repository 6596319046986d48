"""Whether an event has the shape in which its facts are read: a file is not trusted to hold what it should."""

from __future__ import annotations

from typing import Any

from gameday.clock import Ms
from gameday.journal.events import Event

WORDS = frozenset({"step", "result", "signal", "state", "kind", "run", "environment"})
NEEDED = frozenset({"t_go_ms", "t0_ms", "since_ms", "from_ms", "to_ms"})
LATEST_MS = 253_402_300_800_000  # the year 10000, from which on no time can be written


def check(event: Event) -> None:
    """TypeError or ValueError when this event holds a fact of another shape."""
    if not isinstance(event.what, dict) or not isinstance(event.type, str) or not isinstance(event.who, str):
        raise TypeError("an event's what is a mapping, its type and who are words")
    for key, value in event.what.items():
        if key in WORDS and not isinstance(value, str):
            raise TypeError(f"{key} is a word")
        absent = value is None and key not in NEEDED
        if key.endswith("_ms") and key != "read_to_ms" and not (absent or _is_time(value)):
            raise ValueError(f"{key} is no time in milliseconds")


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LATEST_MS


def instant(start: object) -> Ms:
    """The start of a bucket; ValueError when it is none."""
    if not isinstance(start, int) or not _is_time(start):
        raise ValueError("a bucket starts at a time in milliseconds")
    return start


def number(value: Any) -> float | None:
    """A number, or None: unknown. An alarm's word is no number, and no tolerance is measured by one."""
    if value is None or isinstance(value, str):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < float("inf"):
        raise ValueError("a datapoint is a number or nothing")
    return float(value)
