"""What recurs, as a person asks for it: ``gameday schedule list`` and the console's page of schedules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from gameday.clock import Ms, iso
from gameday.model.content import Content
from gameday.model.load import load_content
from gameday.model.schedule import Schedule
from gameday.schedules.due import Board, Time, upcoming
from gameday.schedules.log import Line, Log
from gameday.schedules.past import Past, fold
from gameday.wiring.freezing import freezes_of
from gameday.wiring.scheduling import board_of

LASTING = frozenset({"paused", "paused after breaches", "previous run not closed", "expired"})
TOLD = frozenset({"skipped", "ended", "paused", "resumed"})


@dataclass(frozen=True)
class Standing:
    """The schedules of a workspace as they stand at ``now``."""

    content: Content
    board: Board
    past: Past
    lines: tuple[Line, ...]
    now: Ms

    def row(self, held: Schedule) -> dict[str, Any]:
        """One schedule: what became of its last time, and when it is due next."""
        coming = next(upcoming(held, self.now), None)
        last = self.past.last.get(held.id)
        told = (
            f"{last['time'].partition('@')[2]} {last.get('outcome') or 'skipped: ' + last['reason']}" if last else None
        )
        return {"schedule": held.id, "scenario": held.scenario, "environment": held.environment, "cron": held.cron,
                "tz": held.tz, "owner": held.owner, "next": coming and iso(coming.start), "last": told,
                "active": self.past.active.get(held.id), "stopped": self.stopped(held)}  # fmt: skip

    def stopped(self, held: Schedule) -> str | None:
        """Why its next time would be skipped whenever it comes."""
        decision = self.board.decide(Time(self.now, held.id, self.now), self.past, self.now)
        return f"{decision.reason}: {decision.says}" if decision.reason in LASTING else None

    def nexts(self, times: Iterator[Time], count: int) -> list[dict[str, str]]:
        """The first of these times, and of those that are skipped, why."""
        return [self._next(time) for time in islice(times, count)]

    def _next(self, time: Time) -> dict[str, str]:
        found = self.board.decide(time, self.past, time.start)
        skip = {"reason": found.reason, "says": found.says} if found.act == "skip" else {}
        return {"schedule": time.schedule, "due": iso(time.due), "start": iso(time.start), **skip}

    def lasts(self, ident: str, count: int) -> list[Line]:
        """What became of its last times, the oldest first."""
        return [line for line in self.lines if line.get("schedule") == ident and line["kind"] in TOLD][-count:]


def standing(root: Path, now: Ms) -> Standing:
    """Read from the workspace's files and its scheduler's log. InvalidFiles when the files are wrong."""
    content, lines = load_content(root), tuple(Log(root).read())
    past = fold(lines)
    return Standing(content, board_of(content, past, now, freezes_of(content)), past, lines, now)
