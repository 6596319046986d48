"""What became of the times before: the fold of the scheduler's log, one JSON object a line.

kind        what
intended    time, schedule, due, start     on disk before anything is begun
started     time, pid
ended       time, schedule, outcome, run, says
skipped     time, schedule, due, reason, says
paused      schedule, by, because          resumed   schedule, by, because
seen        schedule                       its file was first seen; times before it do not count
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gameday.clock import Ms, from_iso

_CLOSED = {"within", "breached", "inconclusive", "not tested", "stopped"}


@dataclass
class Past:
    """``decided``: the newest time of each schedule that was begun or skipped. ``active``: time ids that were
    intended and have not ended, by schedule."""

    decided: dict[str, Ms] = field(default_factory=dict)
    active: dict[str, str] = field(default_factory=dict)
    started: dict[str, int] = field(default_factory=dict)
    breaches: dict[str, int] = field(default_factory=dict)
    unsafe: dict[str, str] = field(default_factory=dict)
    paused: dict[str, str] = field(default_factory=dict)
    skips: Counter[tuple[str, str]] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    last: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def apply(self, line: Mapping[str, Any]) -> None:
        """Go on with one line; a kind that is not known is passed over."""
        known = getattr(self, f"_{line.get('kind')}", None)
        if known is not None:
            known(line)

    def _seen(self, line: Mapping[str, Any]) -> None:
        self.decided.setdefault(line["schedule"], from_iso(line["at"]))

    def _intended(self, line: Mapping[str, Any]) -> None:
        self._decide(line)
        self.active[line["schedule"]] = line["time"]

    def _started(self, line: Mapping[str, Any]) -> None:
        self.started[line["time"]] = line["pid"]

    def _ended(self, line: Mapping[str, Any]) -> None:
        ident, outcome = line["schedule"], line["outcome"]
        self.active.pop(ident, None)
        self.started.pop(line["time"], None)
        self.last[ident] = line
        self.outcomes[ident, outcome] += 1
        if outcome == "breached":
            self.breaches[ident] = self.breaches.get(ident, 0) + 1
        elif outcome == "within":
            self.breaches.pop(ident, None)
        if outcome not in _CLOSED:
            self.unsafe[ident] = line.get("run") or line["time"]

    def _skipped(self, line: Mapping[str, Any]) -> None:
        self._decide(line)
        if self.active.get(line["schedule"]) == line["time"]:
            del self.active[line["schedule"]]
            self.started.pop(line["time"], None)
        self.skips[line["schedule"], line["reason"]] += 1
        self.last[line["schedule"]] = line

    def _paused(self, line: Mapping[str, Any]) -> None:
        self.paused[line["schedule"]] = f"{line['by']}: {line['because']}"

    def _resumed(self, line: Mapping[str, Any]) -> None:
        for held in (self.paused, self.breaches, self.unsafe):
            held.pop(line["schedule"], None)

    def _decide(self, line: Mapping[str, Any]) -> None:
        due = from_iso(line["due"])
        self.decided[line["schedule"]] = max(due, self.decided.get(line["schedule"], due))


def fold(lines: Iterable[Mapping[str, Any]]) -> Past:
    """The past that a log tells."""
    past = Past()
    for line in lines:
        past.apply(line)
    return past
